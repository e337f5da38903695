//! `isolation = "shared"`: many calls in one instance, and what a failure costs them.

use bytesize::ByteSize;
use framedb_core::{FailureClass, Receipt, Value};
use framedb_host::{ErrorKind, pipeline::Arrival, plugin::Isolation};
use framedb_tests::{
    Build, Describe, TestNode, arrival, attribute, failure, misbehaving, stored, within,
};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Objects that are in the stages at once, each in a batch of its own.
const AT_ONCE: usize = 8;

/// The misbehaving plugin, in one instance for all of its calls.
fn shared() -> Build {
    misbehaving()
        .config(|config| {
            for pipeline in config.pipelines.values_mut() {
                pipeline.batch.objects = 1;
                pipeline.batch.at_once = AT_ONCE;
            }
            config.limits.max_object = ByteSize::mib(1);
        })
        .configure("misbehave", |plugin| {
            plugin.isolation = Isolation::Shared;
            plugin.limits.instances = AT_ONCE;
            plugin.limits.cpu = Duration::from_millis(300);
            plugin.limits.memory = ByteSize::mib(16);
            // Longer than one that computes holds up the others on a busy machine.
            plugin.limits.time = Duration::from_secs(10);
            plugin.limits.batch_time = Duration::from_secs(10);
        })
}

/// An object that waits in the plugin until as many others are there.
fn meeting(key: &str, together: usize) -> Arrival {
    arrival(key).meta(json!({ "ingest": "meet", "together": together }).to_string())
}

/// How many objects the shared instance has seen.
async fn seen(node: &TestNode, key: &str) -> i64 {
    let receipt = stored(node.ingest(arrival(key).order("ingest", "remember")).await);
    match attribute(&receipt, "seen") {
        Some(Value::Integer(seen)) => seen,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_meet_in_one_instance_which_none_could_alone() {
    let node = shared().start().await;
    let met = node.ingest_all((0..AT_ONCE).map(|n| meeting(&format!("a/{n}"), AT_ONCE)));
    for receipt in within("the calls meet", met).await {
        let _ = stored(receipt);
    }
    // What it keeps in memory is there for all that come.
    assert_eq!(seen(&node, "b").await, AT_ONCE as i64 + 1);
    assert_eq!(node.counted("framedb_plugin_failures_total", ""), 0);
}

/// One object that fails among seven that cannot end before it has, and are then made again.
async fn fails_alone(order: &str, class: FailureClass, says: &[&str]) {
    let node = shared().start().await;
    let good = |n: usize| meeting(&format!("good/{n}"), AT_ONCE);
    let seven = node.ingest_all((1..AT_ONCE).map(good));
    let bad = async {
        let bad = node.ingest(arrival("bad").order("ingest", order)).await;
        // The eighth, for which they wait.
        (bad, node.ingest(good(AT_ONCE)).await)
    };
    let sent = futures::future::join(seven, bad);
    let (mut receipts, (bad, last)) = within("the objects are answered", sent).await;
    receipts.push(last);
    alone_has_failed(&node, bad, class, says, receipts).await;
}

async fn alone_has_failed(
    node: &TestNode,
    bad: Receipt,
    class: FailureClass,
    says: &[&str],
    others: Vec<Receipt>,
) {
    let failed = failure(bad);
    assert_eq!(failed.class, class, "{failed:?}");
    for part in says {
        assert!(failed.message.contains(part), "`{part}` is not in: {failed:?}");
    }
    for receipt in others {
        let _ = stored(receipt);
    }
    // Found among all, and then alone; nobody else was suspected.
    assert_eq!(node.counted("framedb_plugin_failures_total", "ingest"), 2);
    // The next call finds an instance again.
    assert!(seen(node, "next").await >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_often_use_no_cpu_time() {
    let brief = shared().configure("misbehave", |plugin| {
        plugin.limits.cpu = Duration::from_millis(50);
    });
    let node = brief.start().await;
    let dozing = (0..AT_ONCE).map(|n| arrival(&format!("a/{n}")).order("ingest", "doze"));
    for receipt in within("the calls end", node.ingest_all(dozing)).await {
        let _ = stored(receipt);
    }
    assert_eq!(node.counted("framedb_plugin_failures_total", ""), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_traps_is_blamed_and_those_beside_it_are_made_again() {
    fails_alone("trap", FailureClass::Trap, &["panicked", "told to trap"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_spins_is_blamed_and_those_beside_it_are_made_again() {
    fails_alone("spin", FailureClass::Limit, &["plugins.misbehave.limits.cpu"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_hoards_memory_is_blamed_and_those_beside_it_are_made_again() {
    fails_alone("grow", FailureClass::Limit, &["plugins.misbehave.limits.memory"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_ever_ends_by_its_time_and_hurts_nobody() {
    let brief = shared().configure("misbehave", |plugin| {
        plugin.limits.time = Duration::from_secs(2);
    });
    let node = brief.start().await;
    let bad = arrival("bad").order("ingest", "wait");
    let good = (1..AT_ONCE).map(|n| meeting(&format!("good/{n}"), AT_ONCE - 1));
    let sent = node.ingest_all(std::iter::once(bad).chain(good));
    let mut receipts = within("the objects are answered", sent).await;
    let (bad, says) = (receipts.remove(0), ["plugins.misbehave.limits.time"]);
    alone_has_failed(&node, bad, FailureClass::Limit, &says, receipts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_sleeps_as_only_an_instance_of_its_own_may_is_told_so() {
    fails_alone("sleep", FailureClass::Trap, &["wasi:io/poll", "share the instance"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_number_of_verdicts_is_blamed_on_its_call() {
    fails_alone("short", FailureClass::Trap, &["0 verdicts for 1 objects"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_instance_is_replaced_after_its_number_of_calls() {
    let node = shared().configure("misbehave", |plugin| plugin.limits.max_calls = 2).start().await;
    let mut all = Vec::new();
    for n in 0..4 {
        all.push(seen(&node, &format!("a/{n}")).await);
    }
    assert_eq!(all, [1, 2, 1, 2]);
}

/// What the operator is told of a component that cannot be shared.
async fn refused(build: Build, parts: &[&str]) {
    let Err(error) = build.try_start().await else { panic!("the node started") };
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    let text = format!("{}\n{}", error.chain(), error.hint().unwrap_or_default());
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[tokio::test]
async fn a_component_whose_calls_would_wait_for_one_another_is_not_shared() {
    let build = TestNode::build()
        .fixture("lifts-plainly", |plugin| plugin.isolation = Isolation::Shared)
        .serializer("lifts-plainly");
    let parts = [
        "plugin `lifts-plainly` cannot be shared: it does not lift its exports as async",
        "set plugins.lifts-plainly.isolation to \"pipeline\"",
    ];
    refused(build, &parts).await;
    // Alone it serves.
    let node =
        TestNode::build().fixture("lifts-plainly", |_| {}).serializer("lifts-plainly").start();
    let _ = stored(node.await.ingest(arrival("a")).await);

    let share = |name: &str, grants: Json| {
        let grants = serde_json::from_value(grants).unwrap();
        TestNode::build()
            .fixture(name, |plugin| {
                plugin.isolation = Isolation::Shared;
                plugin.grants = grants;
            })
            .pipeline("default", |pipeline| pipeline.ingest = vec![name.to_owned()])
    };
    let build = share("keyvalue", json!({ "key-value": { "default": {} } }));
    refused(build, &["calls into `wasi:keyvalue/store@0.2.0-draft2` hold up all others"]).await;
    let build = share("uses-framedb", framedb_tests::framedb::everything());
    refused(build, &["it may write what calls beside it are about"]).await;
}
