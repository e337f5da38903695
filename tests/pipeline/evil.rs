//! Plugins that attack the node with what every guest has: time, memory, lists, handles, lines.
//!
//! Each attack is a component of its own. In a batch of many it costs the one object that ordered
//! it, which gets a verdict with the limit, its value and the setting; its neighbours are stored,
//! and so is the next object.

use bytesize::ByteSize;
use framedb_core::{Failure, FailureClass, Stage};
use framedb_host::plugin::{Isolation, PluginConfig};
use framedb_tests::{
    Build, Describe, TestNode, arrival, eventually, failure, fixture, servers::web::Web, stored,
};
use serde_json::json;
use std::time::Duration;

/// Objects in a batch, and where the one is that orders the attack.
const BATCH: usize = 16;
const CULPRIT: usize = 11;

/// Limits that are reached soon.
fn limited(plugin: &mut PluginConfig) {
    plugin.limits.time = Duration::from_secs(1);
    plugin.limits.batch_time = Duration::from_secs(2);
    plugin.limits.cpu = Duration::from_millis(100);
    plugin.limits.batch_cpu = Duration::from_millis(200);
    plugin.limits.memory = ByteSize::mib(64);
    plugin.limits.table_elements = 90_000;
    plugin.limits.host_calls = 100;
    plugin.limits.batch_host_calls = 1000;
    plugin.limits.log = ByteSize::kib(16);
    plugin.limits.batch_log = ByteSize::kib(32);
    plugin.limits.handles = 50;
}

/// A node whose ingest plugin is an attack.
fn node(name: &str) -> Build {
    TestNode::build()
        .config(|config| config.limits.max_object = ByteSize::mib(1))
        .fixture(name, limited)
        .pipeline("default", |pipeline| pipeline.ingest = vec![name.into()])
}

/// Sends a batch in which one object orders the attack, looks that all others are stored and that
/// the next one is, and returns what became of the one.
pub(crate) async fn attacked(node: &TestNode, argument: &str) -> Failure {
    let objects = (0..BATCH).map(|n| match n {
        CULPRIT => arrival("culprit").meta(format!("attack {argument}")),
        n => arrival(&format!("beside-{n}")),
    });
    let mut receipts = node.ingest_all(objects).await;
    assert_eq!(node.counted("framedb_batches_total", ""), 1, "one batch");
    let culprit = receipts.remove(CULPRIT);
    for receipt in receipts {
        let receipt = stored(receipt);
        assert_eq!(node.get(&receipt.key).await, format!("payload of {}", receipt.key));
    }
    let _ = stored(node.ingest(arrival("next")).await);
    assert!(node.found("culprit").await.is_none());
    let failure = failure(culprit);
    assert_eq!(failure.stage, Stage::Ingest, "{failure:?}");
    failure
}

/// The attack ends at a limit, which the verdict names with its value and its setting.
async fn ends_at(name: &str, setting: &str, value: &str) {
    let failure = attacked(&node(name).start().await, "").await;
    let message = format!(
        "plugin `{name}` exceeded a limit in ingest: {value} of {setting} \
         (plugins.{name}.limits.{setting})"
    );
    assert_eq!((failure.class, failure.message), (FailureClass::Limit, message));
}

/// The attack ends as a trap of these words.
async fn traps(name: &str, how: &str) {
    let failure = attacked(&node(name).start().await, "").await;
    let message = format!("plugin `{name}` failed in ingest: {how}");
    assert_eq!((failure.class, failure.message), (FailureClass::Trap, message));
}

#[tokio::test]
async fn computing_for_ever_ends_at_the_cpu_time() {
    ends_at("evil-spin", "cpu", "100ms").await;
}

#[tokio::test]
async fn waiting_for_ever_ends_at_the_time() {
    ends_at("evil-wait", "time", "1s").await;
}

#[tokio::test]
async fn recursion_without_end_overflows_the_guests_own_stack() {
    traps("evil-recursion", "its call stack overflowed").await;
}

#[tokio::test]
async fn hoarding_memory_ends_at_the_memory() {
    ends_at("evil-memory", "memory", "64.0 MiB").await;
}

#[tokio::test]
async fn growing_tables_ends_at_the_number_of_elements() {
    let name = "evil-tables";
    let build = node(name).plugin(name, growing_tables(), limited);
    let failure = attacked(&build.start().await, "").await;
    let message = "plugin `evil-tables` exceeded a limit in ingest: 90000 of table-elements \
                   (plugins.evil-tables.limits.table-elements)";
    assert_eq!((failure.class, failure.message.as_str()), (FailureClass::Limit, message));
}

/// The attack on tables with the instruction that Rust has no word for: where it grows its memory
/// by a number that stands out, it grows its table by 8191 elements.
fn growing_tables() -> Vec<u8> {
    // i32.const 0x0abcdef1, memory.grow 0
    let memory = [0x41, 0xf1, 0xbd, 0xf3, 0xd5, 0x00, 0x40, 0x00];
    // ref.null func, i32.const 8191, table.grow 0
    let table = [0xd0, 0x70, 0x41, 0xff, 0x3f, 0xfc, 0x0f, 0x00];
    let mut component = fixture("evil-tables").to_vec();
    let marks = component.windows(8).filter(|window| *window == memory).count();
    assert_eq!(marks, 1);
    let at = component.windows(8).position(|window| window == memory).unwrap();
    component[at..at + 8].copy_from_slice(&table);
    component
}

#[tokio::test]
async fn a_list_without_end_ends_at_the_output() {
    ends_at("evil-huge-list", "output", "2.0 MiB").await;
}

#[tokio::test]
async fn a_huge_text_ends_at_the_output() {
    ends_at("evil-huge-string", "output", "2.0 MiB").await;
}

#[tokio::test]
async fn a_stream_without_end_ends_at_the_bytes_that_are_taken_of_it() {
    ends_at("evil-endless-stream", "log", "16.0 KiB").await;
}

#[tokio::test]
async fn printing_without_end_ends_at_the_lines_that_are_taken() {
    ends_at("evil-log", "log", "16.0 KiB").await;
}

#[tokio::test]
async fn calling_the_host_without_end_ends_at_the_number_of_calls() {
    ends_at("evil-host-calls", "host-calls", "100").await;
}

#[tokio::test]
async fn handles_of_wasi_that_are_never_dropped_end_at_their_number() {
    ends_at("evil-pollables", "handles", "50").await;
}

#[tokio::test]
async fn handles_of_a_capability_that_are_never_dropped_are_refused_in_its_words() {
    let name = "evil-handles";
    let grant = json!({ "redis": { "own": { "url": "redis://127.0.0.1:1", "keys": ["own:*"], "commands": ["read"] } } });
    let grants = serde_json::from_value(grant).unwrap();
    let build = node(name).configure(name, |plugin| plugin.grants = grants);
    let failure = attacked(&build.start().await, "own").await;
    assert_eq!(failure.class, FailureClass::Reject);
    assert!(failure.message.ends_with("Error::TooManyConnections"), "{}", failure.message);
}

#[tokio::test]
async fn an_answer_that_is_short_is_nobodys() {
    traps("evil-wrong-count", "it answered 0 verdicts for 1 objects").await;
}

#[tokio::test]
async fn work_after_the_answer_stands_still_and_costs_the_instance() {
    let node = node("evil-late-work").start().await;
    let objects = (0..BATCH).map(|n| match n {
        CULPRIT => arrival("culprit").meta("attack"),
        n => arrival(&format!("beside-{n}")),
    });
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    let retired = "cause=\"unfinished-work\"";
    assert_eq!(node.counted("framedb_plugin_instances_retired_total", retired), 1);
    // The next call has an instance of its own, in which nobody works.
    let _ = stored(node.ingest(arrival("next")).await);
    assert_eq!(node.counted("framedb_plugin_instances_retired_total", ""), 1);
    assert_eq!(node.counted("framedb_plugin_failures_total", ""), 0);
}

#[tokio::test]
async fn work_after_the_answer_ends_a_shared_instance_that_no_call_is_in() {
    let name = "evil-late-work";
    let build = node(name).configure(name, |plugin| plugin.isolation = Isolation::Shared);
    let node = build.start().await;
    let _ = stored(node.ingest(arrival("culprit").meta("attack")).await);
    let retired = "cause=\"unfinished-work\"";
    eventually("the instance has ended", || async {
        (node.counted("framedb_plugin_instances_retired_total", retired) == 1).then_some(())
    })
    .await;
    let _ = stored(node.ingest(arrival("next")).await);
    assert_eq!(node.counted("framedb_plugin_instances_retired_total", ""), 1);
    assert_eq!(node.counted("framedb_plugin_failures_total", ""), 0);
}

#[tokio::test]
async fn requests_that_are_never_answered_end_at_the_number_of_calls() {
    let name = "evil-http-requests";
    let web = Web::start().await;
    let grant = json!({ "http": { "own": {
        "host": "127.0.0.1", "ports": [web.port()], "schemes": ["http"], "private": ["127.0.0.1"],
    } } });
    let grants = serde_json::from_value(grant).unwrap();
    let build = node(name).configure(name, |plugin| plugin.grants = grants);
    let failure = attacked(&build.start().await, "http://own/slow").await;
    let message = "plugin `evil-http-requests` exceeded a limit in ingest: 100 of host-calls \
                   (plugins.evil-http-requests.limits.host-calls)";
    assert_eq!((failure.class, failure.message.as_str()), (FailureClass::Limit, message));
}
