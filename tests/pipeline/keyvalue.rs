//! Buckets as guests see them: over `wasi:keyvalue` and `spin:key-value`, on the disk and in a
//! Redis, within what is granted.

use bytesize::ByteSize;
use framedb_core::Value;
use framedb_host::{
    grants::{KeyValueGrant, RateConfig},
    plugin::{Isolation, PluginConfig},
};
use framedb_tests::{
    Build, Describe, TestNode, arrival, attribute, failure, servers::redis::RedisServer, stored,
};
use std::num::NonZeroU32;

/// A node whose plugin `keyvalue` may use the bucket `default`.
fn granted(grant: KeyValueGrant) -> Build {
    granting("keyvalue", "default", grant)
}

fn granting(name: &str, label: &str, grant: KeyValueGrant) -> Build {
    with_plugin(TestNode::build(), name, label, grant)
}

fn with_plugin(build: Build, name: &str, label: &str, grant: KeyValueGrant) -> Build {
    let allow =
        |plugin: &mut PluginConfig| drop(plugin.grants.key_value.insert(label.into(), grant));
    build
        .plugin(name, framedb_tests::fixture("keyvalue"), allow)
        .for_source(name, name, name)
        .pipeline("default", |pipeline| pipeline.ingest = vec![name.into()])
}

/// What a plugin answers to steps.
async fn answers(node: &TestNode, source: &str, steps: &[&[&str]]) -> Vec<String> {
    let steps = serde_json::to_string(steps).unwrap();
    let receipt = stored(node.ingest(arrival("k").source(source).meta(steps)).await);
    match attribute(&receipt, "answers") {
        Some(Value::Text(text)) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn ask(node: &TestNode, steps: &[&[&str]]) -> Vec<String> {
    answers(node, "", steps).await
}

/// Does everything there is once.
async fn everything_works(node: &TestNode) {
    let steps: &[&[&str]] = &[
        &["get", "k"],
        &["set", "k", "v"],
        &["get", "k"],
        &["exists", "k"],
        &["delete", "k"],
        &["exists", "k"],
        &["increment", "n", "5"],
        &["increment", "n", "-7"],
        &["increment", "word", "1"],
        &["set-many", "m", "2500"],
        &["get-many", "m00001", "absent"],
        &["delete-many", "m00001", "absent"],
        &["list"],
        &["swap", "s", "1"],
        &["swap-late", "s", "2", "3"],
        &["get", "s"],
        &["spin", "get", "s"],
        &["spin", "set", "t", "from spin"],
        &["get", "t"],
        &["spin", "exists", "t"],
        &["spin", "keys"],
        &["spin", "first-key"],
        &["spin", "delete", "t"],
        &["exists", "t"],
    ];
    let answers = ask(node, steps).await;
    let list: serde_json::Value = serde_json::from_str(&answers[12]).unwrap();
    assert_eq!(list["keys"], 2500 + 2 - 1, "{list}");
    assert!(list["longest"].as_u64().unwrap() <= 1000, "{list}");
    let others: Vec<_> = answers.iter().enumerate().filter(|(n, _)| *n != 12).collect();
    let expected = [
        "null",
        "null",
        "\"v\"",
        "true",
        "null",
        "false",
        "5",
        "-2",
        "1",
        "null",
        r#"[["m00001","x"],["absent",null]]"#,
        "null",
        "\"done\"",
        "[\"2\",true]",
        "\"3\"",
        "\"3\"",
        "null",
        "\"from spin\"",
        "true",
        "2503",
        "true",
        "null",
        "false",
    ];
    for ((n, answer), expected) in others.into_iter().zip(expected) {
        assert_eq!(answer, expected, "{:?}", steps[n]);
    }
}

#[tokio::test]
async fn a_plugin_keeps_its_state_on_the_disk() {
    everything_works(&granted(KeyValueGrant::default()).start().await).await;
}

#[tokio::test]
async fn a_plugin_keeps_its_state_in_redis() {
    let server = RedisServer::start();
    let grant = KeyValueGrant { instance: Some("far".into()), ..KeyValueGrant::default() };
    let node = granted(grant).instance("far", &server.url()).start().await;
    everything_works(&node).await;
    let name = "#framedb:bucket:own/8/keyvalue/default";
    assert!(server.command(&["hget", name, "n"]).ends_with("\n-2"));
}

#[tokio::test]
async fn state_is_there_for_other_instances_and_after_a_restart() {
    let build = || {
        granted(KeyValueGrant::default())
            .configure("keyvalue", |plugin| plugin.isolation = Isolation::Object)
    };
    let node = build().start().await;
    assert_eq!(ask(&node, &[&["increment", "n", "1"]]).await, ["1"]);
    assert_eq!(ask(&node, &[&["increment", "n", "1"]]).await, ["2"]);
    let directory = node.stop().await;
    let node = build().in_directory(&directory).start().await;
    assert_eq!(ask(&node, &[&["increment", "n", "1"]]).await, ["3"]);
}

#[tokio::test]
async fn plugins_share_a_bucket_only_by_its_name() {
    let shared = || KeyValueGrant { bucket: Some("ours".into()), ..KeyValueGrant::default() };
    let node = with_plugin(
        granting("one", "default", KeyValueGrant::default()),
        "two",
        "default",
        KeyValueGrant::default(),
    )
    .configure("one", |plugin| drop(plugin.grants.key_value.insert("both".into(), shared())))
    .configure("two", |plugin| drop(plugin.grants.key_value.insert("both".into(), shared())))
    .start()
    .await;
    let write: &[&[&str]] = &[&["set", "k", "own"], &["in", "both", "set", "k", "shared"]];
    answers(&node, "one", write).await;
    let read: &[&[&str]] = &[&["get", "k"], &["in", "both", "get", "k"]];
    assert_eq!(answers(&node, "two", read).await, ["null", "\"shared\""]);
}

#[tokio::test]
async fn a_plugin_without_a_bucket_is_refused_with_the_lines_to_add() {
    let build = TestNode::build().fixture("keyvalue", |_| {});
    let build = build.pipeline("default", |pipeline| pipeline.ingest = vec!["keyvalue".into()]);
    let error = build.try_start().await.unwrap_err();
    let text = format!("{}\n{}", error.chain(), error.hint().unwrap_or_default());
    for part in [
        "wasi:keyvalue/store@0.2.0-draft2",
        "spin:key-value/key-value@3.0.0",
        "which is not granted",
        "[plugins.keyvalue.grants.key-value.default]\nmax-bytes = \"64 MiB\"",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[tokio::test]
async fn a_label_that_is_not_granted_is_refused_in_the_call() {
    let node = granted(KeyValueGrant::default()).start().await;
    let steps: &[&[&str]] = &[&["in", "other", "get", "k"], &["spin", "open", "other"]];
    for answer in ask(&node, steps).await {
        assert!(answer.starts_with("error: the bucket `other` is not granted"), "{answer}");
    }
    let refused = node.counted("framedb_plugin_refusals_total", "capability=\"key-value\"");
    assert_eq!(refused, 2);
}

#[tokio::test]
async fn a_full_bucket_takes_nothing_more_until_something_is_deleted() {
    let grant = KeyValueGrant { max_bytes: Some(ByteSize::kib(10)), ..KeyValueGrant::default() };
    let node = granted(grant).start().await;
    let answers = ask(
        &node,
        &[
            &["set-large", "a", "9000"],
            &["set-large", "b", "9000"],
            &["set", "c", "small"],
            &["delete", "a"],
            &["set-large", "b", "9000"],
        ],
    )
    .await;
    assert_eq!([&*answers[0], &answers[2], &answers[3], &answers[4]], ["null"; 4]);
    assert!(answers[1].contains("the bucket is full") && answers[1].contains("10.0 KiB"));
}

#[tokio::test]
async fn what_is_too_much_for_a_bucket_is_an_error_that_names_the_bound() {
    let node = granted(KeyValueGrant::default()).start().await;
    let long = "k".repeat(2000);
    let answers =
        ask(&node, &[&["get", &long], &["set-large", "k", "2000000"], &["set-many", "m", "10001"]])
            .await;
    for (answer, part) in answers.iter().zip(["1024 is the most", "1048576 is the", "10000 are"]) {
        assert!(answer.starts_with("error: ") && answer.contains(part), "{answer}");
    }
}

#[tokio::test]
async fn handles_that_are_never_closed_cost_the_host_nothing_more() {
    let node = granted(KeyValueGrant::default())
        .configure("keyvalue", |plugin| plugin.limits.handles = 100)
        .start()
        .await;
    let answers = ask(
        &node,
        &[
            &["handles", "50"],
            &["handles", "200"],
            &["set-large", "k", "1000000"],
            &["keep", "k", "10"],
            &["keep", "k", "20"],
            &["keep", "k", "10"],
        ],
    )
    .await;
    assert_eq!([&*answers[0], &answers[2], &answers[3]], ["50", "null", "10"]);
    assert!(answers[1].contains("`handles`"), "{}", answers[1]);
    assert!(answers[4].contains("`cas` handles have more than 16777216 bytes"), "{}", answers[4]);
    // What is closed gives its room back.
    assert_eq!(answers[5], "10");
}

#[tokio::test]
async fn calls_beyond_the_rate_are_refused() {
    let rate = RateConfig { calls: NonZeroU32::new(3), ..RateConfig::default() };
    let node = granted(KeyValueGrant { rate, ..KeyValueGrant::default() }).start().await;
    let answers = ask(&node, &[&["get", "k"] as &[&str]; 10]).await;
    assert_eq!(answers[0], "null");
    let refused = answers.iter().filter(|a| a.contains("more than 3 calls in a second")).count();
    assert!(refused >= 6, "{answers:?}");
}

#[tokio::test]
async fn a_flood_of_calls_ends_at_the_limit() {
    let node = granted(KeyValueGrant::default())
        .configure("keyvalue", |plugin| plugin.limits.host_calls = 20)
        .start()
        .await;
    let steps = serde_json::to_string(&[["get", "k"]; 11]).unwrap();
    let failure = failure(node.ingest(arrival("k").meta(steps)).await);
    assert!(failure.message.contains("host-calls"), "{}", failure.message);
}

#[tokio::test]
async fn every_page_of_a_stream_of_keys_is_a_call() {
    let node = granted(KeyValueGrant::default())
        .configure("keyvalue", |plugin| plugin.limits.host_calls = 8)
        .start()
        .await;
    for start in ["a", "b", "c", "d"] {
        ask(&node, &[&["set-many", start, "2500"]]).await;
    }
    let steps = serde_json::to_string(&[["spin", "first-key"]]).unwrap();
    let _ = stored(node.ingest(arrival("k").meta(steps)).await);
    let steps = serde_json::to_string(&[["spin", "keys"]]).unwrap();
    let failure = failure(node.ingest(arrival("k").meta(steps)).await);
    assert!(failure.message.contains("host-calls"), "{}", failure.message);
}

#[tokio::test]
async fn a_redis_that_is_down_is_an_error_without_its_address() {
    let mut server = RedisServer::start();
    let grant = KeyValueGrant { instance: Some("far".into()), ..KeyValueGrant::default() };
    let node = granted(grant).instance("far", &server.url()).start().await;
    assert_eq!(ask(&node, &[&["set", "k", "v"]]).await, ["null"]);
    server.stop();
    let answers = ask(&node, &[&["get", "k"], &["spin", "keys"]]).await;
    for answer in &answers {
        let said = "error: cannot use the bucket `default`: what keeps it does not answer";
        assert_eq!(answer, said);
    }
    server.start_again();
    let answers = ask(&node, &[&["set", "k", "v"], &["get", "k"]]).await;
    assert_eq!(answers, ["null", "\"v\""]);
}
