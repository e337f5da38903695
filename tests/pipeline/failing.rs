//! Plugins that fail on one object of a batch: it alone is lost, whatever the stage.

use bytesize::ByteSize;
use framedb_core::{Failure, FailureClass, Stage};
use framedb_tests::{Build, Describe, KINDS, TestNode, arrival, failure, misbehaving, stored};
use std::time::Duration;

const STAGES: [Stage; 3] = [Stage::Ingest, Stage::Resolve, Stage::Serialize];

/// Objects in a batch, and where the culprit is among them.
const BATCH: usize = 32;
const CULPRIT: usize = 19;

/// A node whose plugins have limits that are reached soon.
fn limited() -> Build {
    misbehaving().config(|config| config.limits.max_object = ByteSize::mib(1)).configure(
        "misbehave",
        |plugin| {
            plugin.limits.time = Duration::from_secs(1);
            plugin.limits.batch_time = Duration::from_secs(2);
            plugin.limits.cpu = Duration::from_millis(50);
            plugin.limits.batch_cpu = Duration::from_millis(100);
            plugin.limits.memory = ByteSize::mib(16);
            // The objects of these tests are small.
            plugin.limits.output_ratio = 0;
        },
    )
}

/// Sends a batch in which one object makes a stage fail, looks that all others are stored, and
/// returns the failure.
async fn in_a_batch(node: &TestNode, stage: Stage, order: &str) -> Failure {
    let name = |n: usize| format!("{stage}/{n}");
    let before = node.counted("framedb_batches_total", "");
    let objects = (0..BATCH).map(|n| {
        let object = arrival(&name(n)).kind(KINDS[n % 2].0);
        if n == CULPRIT { object.meta(order.replace("STAGE", stage.as_str())) } else { object }
    });
    let mut receipts = node.ingest_all(objects).await;
    assert_eq!(node.counted("framedb_batches_total", ""), before + 1, "one batch");
    let culprit = receipts.remove(CULPRIT);
    assert_eq!(*culprit.key, *name(CULPRIT));
    for receipt in receipts {
        let receipt = stored(receipt);
        assert_eq!(node.get(&receipt.key).await, format!("payload of {}", receipt.key));
    }
    assert!(node.found(&name(CULPRIT)).await.is_none());
    let failure = failure(culprit);
    assert_eq!(failure.stage, stage, "{failure:?}");
    failure
}

/// The same in all stages of a node: the failure's class, and its message after the plugin's
/// name and the stage.
async fn in_every_stage(behaviour: &str, class: FailureClass, message: impl Fn(Stage) -> String) {
    let node = limited().start().await;
    for stage in STAGES {
        let failure = in_a_batch(&node, stage, &format!("{{\"STAGE\":\"{behaviour}\"}}")).await;
        assert_eq!((failure.class, &failure.message), (class, &message(stage)));
        // All 32, then eight, two, and the culprit alone; what overran its time is alone at once.
        let failed = node.counted("framedb_plugin_failures_total", &format!("stage=\"{stage}\""));
        let overran = failure.message.contains("of time") || failure.message.contains("of cpu");
        let tries = if overran { 2 } else { 4 };
        assert_eq!(failed, tries, "{stage}");
    }
}

fn limit(setting: &'static str, value: &'static str) -> impl Fn(Stage) -> String {
    move |stage| {
        format!(
            "plugin `misbehave` exceeded a limit in {stage}: {value} of {setting} \
             (plugins.misbehave.limits.{setting})"
        )
    }
}

#[tokio::test]
async fn several_culprits_of_one_batch_fail_and_their_neighbours_are_stored() {
    let node = limited().start().await;
    for stage in STAGES {
        let culprits = ["trap", "wait", "spin", "grow", "sleep", "recurse"];
        let objects = (0..BATCH).map(|n| {
            let object = arrival(&format!("several/{stage}/{n}"));
            match culprits.get(n / 5).filter(|_| n % 5 == 0) {
                Some(culprit) => object.meta(format!("{{\"{stage}\":\"{culprit}\"}}")),
                None => object,
            }
        });
        for (n, receipt) in node.ingest_all(objects).await.into_iter().enumerate() {
            if n % 5 == 0 && n / 5 < culprits.len() {
                let class = failure(receipt).class;
                assert!(matches!(class, FailureClass::Trap | FailureClass::Limit), "{n}: {class}");
            } else {
                assert!(stored(receipt).outcome.is_success());
            }
        }
    }
}

#[tokio::test]
async fn an_object_whose_deadline_passes_in_a_stage_is_not_stored_and_says_so() {
    let node =
        limited().config(|config| config.limits.deadline = Duration::from_millis(20)).start().await;
    let slow = arrival("slow").meta(r#"{"ingest":"sleep","millis":150}"#);
    let failure = failure(node.ingest(slow).await);
    assert!(failure.message.starts_with("not stored: "), "{failure:?}");
    assert!(node.found("slow").await.is_none());
}

#[tokio::test]
async fn a_trap_costs_one_object() {
    let node = limited().start().await;
    for stage in STAGES {
        let failure = in_a_batch(&node, stage, r#"{"STAGE":"trap"}"#).await;
        assert_eq!(failure.class, FailureClass::Trap);
        let start = format!("plugin `misbehave` failed in {stage}: panicked: ");
        assert!(failure.message.starts_with(&start), "{}", failure.message);
        assert!(failure.message.contains("told to trap"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_plugin_that_computes_for_ever_exceeds_its_cpu_time() {
    in_every_stage("spin", FailureClass::Limit, limit("cpu", "50ms")).await;
}

#[tokio::test]
async fn a_plugin_that_waits_for_ever_exceeds_its_time() {
    in_every_stage("wait", FailureClass::Limit, limit("time", "1s")).await;
}

#[tokio::test]
async fn a_plugin_that_sleeps_exceeds_its_time() {
    in_every_stage("sleep", FailureClass::Limit, limit("time", "1s")).await;
}

#[tokio::test]
async fn a_plugin_that_yields_for_ever_is_ended_by_one_of_its_limits() {
    let node = limited().start().await;
    for stage in STAGES {
        let failure = in_a_batch(&node, stage, r#"{"STAGE":"yield"}"#).await;
        assert_eq!(failure.class, FailureClass::Limit, "{failure:?}");
        let either = [limit("time", "1s")(stage), limit("cpu", "50ms")(stage)];
        assert!(either.contains(&failure.message), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_plugin_that_grows_for_ever_exceeds_its_memory() {
    in_every_stage("grow", FailureClass::Limit, limit("memory", "16.0 MiB")).await;
}

#[tokio::test]
async fn a_plugin_that_calls_itself_for_ever_overflows_its_stack() {
    let node = limited().start().await;
    for stage in STAGES {
        let failure = in_a_batch(&node, stage, r#"{"STAGE":"recurse"}"#).await;
        assert_eq!(failure.class, FailureClass::Trap, "{failure:?}");
        let start = format!("plugin `misbehave` failed in {stage}: ");
        assert!(failure.message.starts_with(&start), "{}", failure.message);
        let cause = &failure.message[start.len()..];
        assert!(cause.contains("stack") || cause.contains("out of bounds"), "{cause}");
    }
}

#[tokio::test]
async fn too_few_verdicts_cost_one_object() {
    in_every_stage("short", FailureClass::Trap, |stage| {
        format!("plugin `misbehave` failed in {stage}: it answered 0 verdicts for 1 objects")
    })
    .await;
}

#[tokio::test]
async fn too_many_verdicts_cost_one_object() {
    in_every_stage("long", FailureClass::Trap, |stage| {
        format!("plugin `misbehave` failed in {stage}: it answered 2 verdicts for 1 objects")
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_to_lift_exceeds_the_output() {
    let node = limited()
        .configure("misbehave", |plugin| {
            plugin.limits.memory = ByteSize::mib(64);
            plugin.limits.cpu = Duration::from_secs(5);
            plugin.limits.batch_cpu = Duration::from_secs(5);
            plugin.limits.time = Duration::from_secs(5);
        })
        .start()
        .await;
    for stage in STAGES {
        let failure = in_a_batch(&node, stage, r#"{"STAGE":"huge","bytes":20000000}"#).await;
        assert_eq!(failure.class, FailureClass::Limit, "{failure:?}");
        assert_eq!(failure.message, limit("output", "2.0 MiB")(stage));
    }
}

#[tokio::test]
async fn an_answer_over_the_objects_limit_is_refused_by_its_size() {
    let node = limited().start().await;
    for (stage, bytes, most, settings) in [
        (Stage::Ingest, 1_048_577, 1_048_576, "limits.max-object"),
        (
            Stage::Serialize,
            2_097_153,
            2_097_152,
            "plugins.misbehave.limits.output, limits.max-object",
        ),
    ] {
        let order = format!("{{\"STAGE\":\"huge\",\"bytes\":{bytes}}}");
        let failure = in_a_batch(&node, stage, &order).await;
        assert_eq!(failure.class, FailureClass::Limit, "{failure:?}");
        assert_eq!(
            failure.message,
            format!(
                "plugin `misbehave` answered {bytes} bytes in {stage}, more than {most} ({settings})"
            )
        );
    }
}

#[tokio::test]
async fn an_answer_far_larger_than_its_object_is_refused() {
    let node = limited()
        .configure("misbehave", |plugin| {
            plugin.limits.memory = ByteSize::mib(16);
            plugin.limits.output_ratio = 100;
        })
        .start()
        .await;
    let failure = in_a_batch(&node, Stage::Serialize, r#"{"STAGE":"huge","bytes":1048577}"#).await;
    assert_eq!(failure.class, FailureClass::Limit, "{failure:?}");
    let settings = "more than 1048576 (100 times its size, 1 MiB at least: \
                    plugins.misbehave.limits.output-ratio)";
    assert!(failure.message.ends_with(settings), "{failure:?}");
}

#[tokio::test]
async fn attributes_that_break_the_rules_cost_one_object() {
    let node = limited().start().await;
    for (behaviour, how) in [
        (
            "bad-attribute",
            "the attribute name \"Bad Name\" is not 1 to 64 lower-case letters, digits and hyphens",
        ),
        ("many-attributes", "65 attributes, more than the 64 an object may have"),
    ] {
        let order = format!("{{\"STAGE\":\"{behaviour}\"}}");
        let failure = in_a_batch(&node, Stage::Ingest, &order).await;
        assert_eq!(failure.class, FailureClass::Trap);
        assert_eq!(
            failure.message,
            format!("plugin `misbehave` broke its contract in ingest: {how}")
        );
    }
}

#[tokio::test]
async fn formats_that_were_not_declared_cost_one_object() {
    let node = limited().start().await;
    for (behaviour, format) in [("bad-format", "undeclared/1"), ("no-format", "Not A Format")] {
        let order = format!("{{\"STAGE\":\"{behaviour}\"}}");
        let failure = in_a_batch(&node, Stage::Serialize, &order).await;
        assert_eq!(failure.class, FailureClass::Trap);
        let how = format!("it answered in the format {format:?}, which it does not declare");
        assert_eq!(
            failure.message,
            format!("plugin `misbehave` broke its contract in serialize: {how}")
        );
    }
}

#[tokio::test]
async fn placements_that_break_the_rules_cost_one_object() {
    let node = limited().start().await;
    let failure = in_a_batch(&node, Stage::Resolve, r#"{"STAGE":"unknown"}"#).await;
    assert_eq!(failure.class, FailureClass::Invalid);
    assert_eq!(
        failure.message,
        "FrameDB instance not found: no instance `nowhere` among `disk`, `memory`; \
         plugin `misbehave` placed the object so"
    );
    let failure = in_a_batch(&node, Stage::Resolve, r#"{"STAGE":"bad-key"}"#).await;
    assert_eq!(failure.class, FailureClass::Invalid);
    assert_eq!(
        failure.message,
        "the resolve stage assigned the key \"bad\\nkey\": the key holds the control character '\\n'; \
         plugin `misbehave` placed the object so"
    );
    let elsewhere = r#"{"STAGE":"elsewhere","to":"memory","kind":"storage"}"#;
    let failure = in_a_batch(&node, Stage::Resolve, elsewhere).await;
    assert_eq!(
        failure.message,
        "FrameDB instance not found: `memory` keeps in-memory and stream, not storage; \
         plugin `misbehave` placed the object so"
    );
}

#[tokio::test]
async fn all_objects_of_a_batch_may_fail_and_the_next_one_is_stored() {
    let node = limited().start().await;
    let objects = (0..8).map(|n| arrival(&format!("all/{n}")).order("ingest", "trap"));
    for receipt in node.ingest_all(objects).await {
        assert_eq!(failure(receipt).class, FailureClass::Trap);
    }
    let _ = stored(node.ingest(arrival("next")).await);
}

#[tokio::test]
async fn two_culprits_in_different_stages_each_get_their_own_failure() {
    let node = limited().start().await;
    let objects = (0..BATCH).map(|n| match n {
        3 => arrival("a").order("ingest", "trap"),
        4 => arrival("b").order("serialize", "grow"),
        n => arrival(&format!("beside/{n}")),
    });
    let mut receipts = node.ingest_all(objects).await;
    let (second, first) = (failure(receipts.remove(4)), failure(receipts.remove(3)));
    assert_eq!((first.class, first.stage), (FailureClass::Trap, Stage::Ingest));
    assert_eq!((second.class, second.stage), (FailureClass::Limit, Stage::Serialize));
    for receipt in receipts {
        let _ = stored(receipt);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_often_uses_no_cpu_time() {
    let patient = limited().configure("misbehave", |plugin| {
        plugin.limits.time = Duration::from_secs(60);
    });
    let node = patient.start().await;
    for stage in STAGES {
        let object = arrival(stage.as_str()).kind(KINDS[0].0).order(stage.as_str(), "doze");
        let _ = stored(node.ingest(object).await);
    }
}
