//! What becomes of objects that failed, as an operator says: policies, halted pipelines, breakers.

use framedb_core::{FailureClass, Receipt, Stage};
use framedb_host::pipeline::{Action, PolicyConfig};
use framedb_tests::{
    Answer, Build, Describe, TestNode, arrival, eventually, failure, misbehaving, stored,
};
use serde_json::{Value, json};
use std::time::Duration;

const STAGES: [Stage; 3] = [Stage::Ingest, Stage::Resolve, Stage::Serialize];

/// A node whose default pipeline has a policy.
fn policy(change: impl FnOnce(&mut PolicyConfig)) -> Build {
    misbehaving().config(|config| change(&mut config.pipelines.get_mut("default").unwrap().policy))
}

async fn number_of_letters(node: &TestNode) -> usize {
    node.node().dead_letters.list(None, 1000).await.unwrap().len()
}

#[track_caller]
fn refused(receipt: Receipt, class: FailureClass) -> String {
    let failure = failure(receipt);
    assert_eq!(failure.class, class, "{failure:?}");
    failure.message
}

fn json(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap())
}

#[tokio::test]
async fn an_answer_is_all_that_becomes_of_an_object_where_the_policy_says_so() {
    let node = policy(|policy| policy.trap = Action::Answer).start().await;
    let failure = failure(node.ingest(arrival("a").order("ingest", "trap")).await);
    assert_eq!((failure.class, failure.dead_letter), (FailureClass::Trap, None));
    assert_eq!(number_of_letters(&node).await, 0);
}

#[tokio::test]
async fn refused_objects_are_kept_where_the_policy_says_so() {
    let node = policy(|policy| policy.reject = Action::DeadLetter).start().await;
    let failure = failure(node.ingest(arrival("a").order("resolve", "reject")).await);
    assert_eq!((failure.class, failure.dead_letter.is_some()), (FailureClass::Reject, true));
    assert_eq!(number_of_letters(&node).await, 1);
}

#[tokio::test]
async fn tries_end_with_their_budget_and_then_the_object_is_kept() {
    let node = policy(|policy| {
        policy.trap = Action::Retry;
        policy.retries.times = 2;
        policy.retries.delay = Duration::from_millis(1);
    })
    .start()
    .await;
    for stage in STAGES {
        let object = arrival(stage.as_str()).order(stage.as_str(), "trap");
        let failure = failure(node.ingest(object).await);
        let id = failure.dead_letter.unwrap();
        let letter = node.node().dead_letters.get(&id).await.unwrap().unwrap();
        assert_eq!((letter.attempts, letter.stage), (3, stage));
        assert_eq!(node.counted("framedb_retries_total", stage.as_str()), 2);
    }
}

#[tokio::test]
async fn an_object_passes_a_plugin_that_fails_on_it() {
    let node = policy(|policy| {
        policy.trap = Action::Pass;
        policy.reject = Action::Pass;
        policy.invalid = Action::Pass;
    })
    .start()
    .await;
    for (stage, behaviour) in [
        ("ingest", "trap"),
        ("ingest", "reject"),
        ("ingest", "bad-attribute"),
        ("ingest", "split-bad"),
        ("resolve", "trap"),
        ("resolve", "unknown"),
        ("serialize", "trap"),
        ("serialize", "bad-format"),
    ] {
        let key = format!("{stage} {behaviour}");
        let receipt = stored(node.ingest(arrival(&key).order(stage, behaviour)).await);
        assert_eq!(receipt.codec, None, "{key}");
        assert_eq!(node.get(&key).await, format!("payload of {key}"));
    }
    assert_eq!(node.counted("framedb_passed_total", ""), 8);
    assert_eq!(number_of_letters(&node).await, 0);
}

#[tokio::test]
async fn an_object_passes_a_plugin_that_asks_for_retries_for_ever() {
    let node = policy(|policy| policy.retry = Action::Pass).start().await;
    let meta = r#"{"serialize":"retry","millis":3600000}"#;
    let _ = stored(node.ingest(arrival("a").meta(meta)).await);
    assert_eq!(node.get("a").await, "payload of a");
}

#[tokio::test]
async fn an_object_whose_engine_is_down_is_kept_where_the_policy_says_so() {
    let node = policy(|policy| policy.unavailable = Action::DeadLetter)
        .instance("far", "redis://127.0.0.1:1")
        .config(|config| config.limits.unreachable = Duration::from_millis(300))
        .start()
        .await;
    let failure = failure(node.ingest(arrival("a").to("far")).await);
    assert_eq!(failure.class, FailureClass::Unavailable);
    let id = failure.dead_letter.unwrap();
    let letter = node.node().dead_letters.get(&id).await.unwrap().unwrap();
    assert_eq!((letter.stage, letter.plugin), (Stage::Sink, None));
    let error = node.node().replay(&id, Some("x".into())).await.unwrap_err();
    assert!(error.to_string().contains("no plugin failed on"), "{error}");
}

#[tokio::test]
async fn a_halted_pipeline_takes_no_objects_until_it_is_resumed() {
    let node = policy(|policy| policy.trap = Action::Halt).open().await;
    let http = node.http();
    let _ = refused(node.ingest(arrival("a").order("ingest", "trap")).await, FailureClass::Trap);
    let message = refused(node.ingest(arrival("b")).await, FailureClass::Unavailable);
    assert!(message.starts_with("the pipeline `default` is halted: "), "{message}");
    assert!(message.contains("told to trap"), "{message}");
    let (status, body) = json(&http.call("GET /readyz").await);
    assert_eq!((status, &body["success"]), (503, &json!(false)));
    assert!(body["halted"]["default"].as_str().unwrap().contains("told to trap"), "{body}");
    let (status, body) = json(&http.call("GET /healthz").await);
    assert_eq!((status, &body["pipelines"]["default"]["healthy"]), (503, &json!(false)));
    assert_eq!(node.counted("framedb_pipeline_halted", "default"), 1);
    assert!(node.node().pipelines[0].resume());
    assert_eq!(json(&http.call("GET /readyz").await).0, 200);
    let _ = stored(node.ingest(arrival("b")).await);
}

#[tokio::test]
async fn other_pipelines_go_on_beside_a_halted_one() {
    let node = policy(|_| {}).for_source("careful", "careful", "misbehave").config(|config| {
        config.pipelines.get_mut("careful").unwrap().policy.trap = Action::Halt;
    });
    let node = node.open().await;
    let _ = failure(node.ingest(arrival("a").source("careful").order("ingest", "trap")).await);
    let _ = refused(node.ingest(arrival("b").source("careful")).await, FailureClass::Unavailable);
    let _ = stored(node.ingest(arrival("c")).await);
    let (status, body) = json(&node.http().call("GET /readyz").await);
    assert_eq!(status, 200, "{body}");
    assert!(body["halted"]["careful"].is_string(), "{body}");
}

/// A node whose breaker opens after three objects, for so long.
fn breaking(pause: Duration) -> Build {
    misbehaving().configure("misbehave", |plugin| {
        plugin.breaker.failures = 3;
        plugin.breaker.pause = pause;
    })
}

async fn traps(node: &TestNode, keys: &[&str], stage: &str) {
    for key in keys {
        let receipt = node.ingest(arrival(key).order(stage, "trap")).await;
        let _ = refused(receipt, FailureClass::Trap);
    }
}

#[tokio::test]
async fn a_plugin_that_fails_on_everything_is_left_alone_and_the_node_says_so() {
    for stage in STAGES {
        let node = breaking(Duration::from_secs(600)).open().await;
        traps(&node, &["a", "b", "c"], stage.as_str()).await;
        let calls = node.counted("framedb_plugin_failures_total", "");
        let failure = failure(node.ingest(arrival("good")).await);
        assert_eq!((failure.class, failure.stage), (FailureClass::Unavailable, stage));
        assert!(failure.message.contains("plugins.misbehave.breaker"), "{}", failure.message);
        assert!(failure.retry_after.is_some_and(|after| after > Duration::from_secs(60)));
        let _ = node.ingest(arrival("d").order(stage.as_str(), "trap")).await;
        assert_eq!(node.counted("framedb_plugin_failures_total", ""), calls, "it was not called");
        let open = format!("stage=\"{stage}\"");
        assert_eq!(node.counted("framedb_plugin_breaker_open{", &open), 1);
        let (status, body) = json(&node.http().call("GET /readyz").await);
        assert_eq!(status, 200, "{body}");
        assert!(body["failing"]["misbehave"].as_str().unwrap().contains("told to trap"), "{body}");
        let (status, body) = json(&node.http().call("GET /healthz").await);
        assert_eq!((status, &body["plugins"]["misbehave"]["healthy"]), (503, &json!(false)));
    }
}

#[tokio::test]
async fn one_success_after_the_pause_closes_the_breaker() {
    let node = breaking(Duration::from_millis(1)).start().await;
    traps(&node, &["a", "b", "c"], "ingest").await;
    assert_eq!(node.counted("framedb_plugin_breaker_opened_total", ""), 1);
    eventually("the plugin is tried again", async || {
        node.ingest(arrival("good")).await.outcome.is_success().then_some(())
    })
    .await;
    assert_eq!(node.counted("framedb_plugin_breaker_open{", "ingest"), 0);
    let _ = stored(node.ingest(arrival("next")).await);
}

#[tokio::test]
async fn a_poison_object_that_is_sent_again_and_again_stops_nobody_else() {
    let node = breaking(Duration::from_secs(600)).start().await;
    traps(&node, &["poison"; 10], "ingest").await;
    let _ = stored(node.ingest(arrival("good")).await);
    for n in 0..10 {
        traps(&node, &[&*format!("poison {n}")], "serialize").await;
        let _ = stored(node.ingest(arrival(&format!("good {n}"))).await);
    }
}

#[tokio::test]
async fn objects_pass_a_plugin_that_is_left_alone_where_the_policy_says_so() {
    let node = breaking(Duration::from_secs(600))
        .config(|config| {
            let policy = &mut config.pipelines.get_mut("default").unwrap().policy;
            policy.unavailable = Action::Pass;
        })
        .start()
        .await;
    traps(&node, &["a", "b", "c"], "serialize").await;
    let _ = stored(node.ingest(arrival("good")).await);
    assert_eq!(node.get("good").await, "payload of good");
}

#[tokio::test]
async fn policies_that_make_no_sense_are_refused_at_the_start() {
    let refused = policy(|policy| policy.retry = Action::Retry).try_start().await.unwrap_err();
    let start = "pipelines.default.policy.retry is \"retry\"";
    assert!(refused.to_string().contains(start), "{refused}");
}
