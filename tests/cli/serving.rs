//! `framedb serve`: its start, its end, and what is in its way.

use framedb_tests::{
    NodeProcess, Operator, fixture_path,
    proto::edge::{Outcome, PutRequest, ingest_client::IngestClient},
};
use std::os::unix::fs::PermissionsExt as _;
use tokio::task::JoinSet;

/// A node with `misbehave` in its pipeline.
fn misbehaving() -> Operator {
    let path = fixture_path("misbehave");
    Operator::new(&format!(
        "[plugins.misbehave]\ncomponent = {path:?}\n[pipelines.default]\ningest = [\"misbehave\"]\n"
    ))
}

/// Sends objects that stay in the node for a while, and waits until they are there.
async fn send(
    node: &NodeProcess,
    objects: u64,
    metadata: &str,
) -> JoinSet<Result<i32, tonic::Status>> {
    let mut calls = JoinSet::new();
    for n in 0..objects {
        let mut client = IngestClient::new(node.channel().await);
        let request = PutRequest {
            key: format!("k/{n}").into(),
            data: format!("data {n}").into(),
            metadata: metadata.to_owned().into(),
            ..PutRequest::default()
        };
        calls.spawn(async move { Ok(client.put(request).await?.into_inner().outcome) });
    }
    let http = node.http();
    framedb_tests::eventually("all objects are in the node", async || {
        let text = String::from_utf8(http.call("GET /metrics").await.body.to_vec()).unwrap();
        let line = text.lines().find(|line| line.starts_with("framedb_in_flight_bytes "))?;
        let bytes: f64 = line.split(' ').nth(1).unwrap().parse().unwrap();
        (bytes > objects as f64 * 1024.0).then_some(())
    })
    .await;
    calls
}

#[tokio::test]
async fn a_started_node_says_what_runs() {
    let operator = Operator::new("");
    let node = operator.serve();
    let pipeline = "  pipeline  default: ingest-inspect → resolve-rules → serialize-raw\n";
    framedb_tests::eventually("it says what runs", async || {
        node.said().contains(pipeline).then_some(())
    })
    .await;
    assert!(node.said().contains("  instance  memory: in memory, up to "), "{}", node.said());
}

#[tokio::test]
async fn defaults_count_in_the_pipelines_that_come_with_the_node() {
    let hot = "[instances.hot]\nurl = \"memory:\"\n";
    let said = "[defaults]\nkind = \"in-memory\"\nin-memory = \"hot\"\n";
    let rules = "[plugins.resolve-rules.settings]\nrules_in_memory = \"memory\"\n";
    for (config, expected) in
        [(format!("{hot}{said}"), "hot"), (format!("{hot}{said}{rules}"), "memory")]
    {
        let operator = Operator::new(&config);
        let node = operator.serve();
        let stored = node.http().call("PUT /objects/a").await.json();
        assert_eq!(
            (&stored["framedb_id"], &stored["type"]),
            (&expected.into(), &"in-memory".into())
        );
    }
}

#[tokio::test]
async fn sigterm_finishes_what_was_accepted_and_ends_with_0() {
    let operator = misbehaving();
    for signal in ["TERM", "INT"] {
        let mut node = operator.serve();
        assert_eq!(node.http().call("GET /readyz").await.status.as_u16(), 200);
        let calls = send(&node, 8, r#"{"ingest":"retry-twice","millis":150}"#).await;
        node.signal(signal);
        for outcome in calls.join_all().await {
            assert_eq!(outcome.unwrap(), i32::from(Outcome::Stored));
        }
        let ended = tokio::task::spawn_blocking(move || (node.wait(), node)).await.unwrap();
        assert_eq!(ended.0, Some(0), "{}", ended.1.said());
        let node = operator.serve();
        for n in 0..8 {
            let answer = node.http().call(&format!("GET /objects/k/{n}")).await;
            assert_eq!(answer.body, format!("data {n}"));
        }
    }
}

#[tokio::test]
async fn a_second_signal_ends_a_node_that_is_finishing() {
    let operator = misbehaving();
    let mut node = operator.serve();
    let _calls = send(&node, 1, r#"{"ingest":"retry"}"#).await;
    node.signal("TERM");
    framedb_tests::eventually("it says that it shuts down", async || {
        node.said().contains("shutting down").then_some(())
    })
    .await;
    node.signal("TERM");
    let ended = tokio::task::spawn_blocking(move || (node.wait(), node)).await.unwrap();
    assert_eq!(ended.0, Some(1));
    assert!(ended.1.said().contains("ended by a second signal"), "{}", ended.1.said());
}

#[test]
fn a_port_in_use_is_named_with_its_door() {
    let operator = Operator::new("");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for door in ["grpc", "http"] {
        let refused = operator.run(&format!("serve --{door} {address}"));
        assert_eq!((refused.code, &*refused.stdout), (Some(1), ""), "{refused:?}");
        let message =
            format!("error: cannot open the {door} door: the address {address} is in use\n");
        assert!(refused.stderr.contains(&message), "{}", refused.stderr);
        let hint = format!("choose another with --{door}\n");
        assert!(refused.stderr.ends_with(&hint), "{}", refused.stderr);
    }
}

#[test]
fn a_data_directory_in_use_is_named() {
    let operator = Operator::new("");
    let _node = operator.serve();
    let refused = operator.run("serve");
    assert_eq!((refused.code, &*refused.stdout), (Some(1), ""));
    let data = operator.data_dir();
    let message =
        format!("error: the data directory {} is in use by another process\n", data.display());
    assert!(refused.stderr.starts_with(&message), "{}", refused.stderr);
}

#[test]
fn a_data_directory_is_for_its_user_alone_from_the_first_start_on() {
    let operator = Operator::new("");
    // The cache of compiled plugins is inside of it.
    let data = operator.data_dir();
    let config = format!(
        "data-dir = {data:?}\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
         [pipelines.default]\n"
    );
    operator.write("framedb.toml", config);
    let _node = operator.serve();
    assert!(data.join("cache").is_dir());
    assert_eq!(data.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_public_address_needs_a_flag() {
    let operator = Operator::new("");
    let refused = operator.run("serve --http 0.0.0.0:0");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("there is no authentication")
            || refused.stderr.contains("has no authentication"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("--public"), "{}", refused.stderr);
}

#[tokio::test]
async fn lines_that_a_plugin_prints_are_lines_of_the_log() {
    let operator = misbehaving();
    let node = operator.serve();
    let mut client = IngestClient::new(node.channel().await);
    let request = PutRequest {
        key: "k".into(),
        metadata: r#"{"ingest":"log"}"#.into(),
        ..PutRequest::default()
    };
    let receipt = client.put(request).await.unwrap().into_inner();
    assert_eq!(receipt.outcome(), Outcome::Stored);
    for (level, line) in
        [("INFO", "a line on standard output"), ("WARN", "a line on standard error")]
    {
        let said = framedb_tests::eventually(line, async || {
            node.said().lines().find(|said| said.contains(line)).map(ToOwned::to_owned)
        })
        .await;
        assert!(said.contains(level) && said.contains("misbehave"), "{said}");
    }
}
