//! `wasi:http` in a real guest against real servers: both versions of it, both of HTTP, TLS, and
//! what becomes of requests that go wrong.

use framedb_tests::{
    Build, answers, arrival, ask, asking, calls, error, eventually, failure, servers::web::Web,
    stored,
};
use serde_json::{Value, json};
use std::time::Duration;

/// A node whose plugin may ask this server, as `http://web`.
fn node(web: &Web) -> Build {
    granted(grant(web))
}

fn grant(web: &Web) -> Value {
    json!({ "host": "127.0.0.1", "ports": [web.port()], "schemes": ["http"] })
}

/// The same, over HTTP/2 without TLS.
fn node_h2(web: &Web) -> Build {
    let mut grant = grant(web);
    grant["plaintext-http2"] = true.into();
    granted(grant)
}

fn granted(grant: Value) -> Build {
    asking("asks-http", &json!({ "http": { "web": grant } }))
}

fn hurried(build: Build, millis: u64) -> Build {
    build.configure("asks-http", |plugin| {
        plugin.limits.time = Duration::from_millis(millis);
        plugin.limits.batch_time = Duration::from_millis(millis);
    })
}

/// Time for a debug build to move many bytes.
fn patient(build: Build) -> Build {
    build.configure("asks-http", |plugin| {
        for limit in [
            &mut plugin.limits.time,
            &mut plugin.limits.batch_time,
            &mut plugin.limits.cpu,
            &mut plugin.limits.batch_cpu,
        ] {
            *limit = Duration::from_secs(50);
        }
    })
}

#[tokio::test]
async fn both_versions_of_the_interface_send_what_they_are_told() {
    let web = Web::start().await;
    let node = node(&web).start().await;
    for old in [false, true] {
        let sent = json!({
            "url": "http://web/echo/x?a=1&b=%20",
            "method": "POST",
            "headers": { "x-mine": "yes", "user-agent": "mine" },
            "body": "hello",
            "old": old,
        });
        let asked = json!([sent, { "url": "http://web/echo", "old": old }]);
        let answers = ask(&node, "", &asked).await;
        let seen = &answers[0]["body"];
        assert_eq!(answers[0]["status"], 200, "{answers:?}");
        assert_eq!(seen["version"], "HTTP/1.1");
        assert_eq!(seen["method"], "POST");
        assert_eq!(seen["target"], "/echo/x?a=1&b=%20");
        assert_eq!(seen["headers"]["x-mine"], "yes");
        assert_eq!(seen["headers"]["host"], format!("127.0.0.1:{}", web.port()));
        assert_eq!(seen["bytes"], 5);
        let plain = &answers[1]["body"];
        assert_eq!((&plain["method"], &plain["bytes"]), (&json!("GET"), &json!(0)));
        // Nothing of the node's own is sent along.
        assert!(plain["headers"].get("user-agent").is_none(), "{plain}");
    }
}

#[tokio::test]
async fn trailers_arrive_over_both_versions_of_http() {
    let web = Web::start().await;
    let asked = json!([
        { "url": "http://web/trailers", "headers": { "te": "trailers" } },
        { "url": "http://web/trailers", "headers": { "te": "trailers" }, "old": true },
    ]);
    for build in [node(&web), node_h2(&web)] {
        for answer in ask(&build.start().await, "in-turn", &asked).await {
            assert_eq!(answer["body"], "one two", "{answer}");
            assert_eq!(answer["trailers"], json!({ "checksum": "42" }), "{answer}");
        }
    }
}

#[tokio::test]
async fn many_requests_share_a_connection_of_http_2() {
    let web = Web::start().await;
    let node = node_h2(&web).start().await;
    let asked = json!(vec![json!({ "url": "http://web/echo" }); 20]);
    for answer in ask(&node, "", &asked).await {
        assert_eq!(answer["body"]["version"], "HTTP/2.0", "{answer}");
        let authority = format!("127.0.0.1:{}", web.port());
        assert_eq!(answer["body"]["authority"], authority, "{answer}");
    }
    assert_eq!((web.requests(), web.connections()), (20, 1));
}

#[tokio::test]
async fn two_hundred_and_fifty_six_calls_of_one_plugin_are_under_way_at_once() {
    let web = Web::start().await;
    let node = node_h2(&web).start().await;
    let asked = json!([{ "url": "http://web/millisecond" }]);
    let names: Vec<_> = (0..256).map(|n| format!("o-{n}")).collect();
    for receipt in node.ingest_all(names.iter().map(|name| calls(name, "", &asked))).await {
        let _ = stored(receipt);
    }
    for name in &names {
        assert_eq!(answers(&node, name).await[0]["body"], "done");
    }
    assert_eq!((web.requests(), web.connections()), (256, 1));
}

#[tokio::test]
async fn calls_of_many_instances_are_under_way_at_once() {
    let web = Web::start().await;
    let node = node_h2(&web)
        .configure("asks-http", |plugin| plugin.limits.instances = 64)
        .pipeline("default", |pipeline| {
            pipeline.ingest = vec!["asks-http".into()];
            pipeline.batch.objects = 1;
            pipeline.batch.at_once = 64;
        })
        .start()
        .await;
    let asked = json!([{ "url": "http://web/millisecond" }]);
    let objects = (0..256).map(|n| calls(&format!("o-{n}"), "", &asked));
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    let last = answers(&node, "o-255").await;
    assert_eq!(last[0]["body"], "done", "{last:?}");
    assert_eq!((web.requests(), web.connections()), (256, 1));
}

#[tokio::test]
async fn a_server_with_a_certificate_of_a_named_authority_is_believed() {
    let web = Web::start_tls().await;
    let mut grant = json!({
        "host": "localhost", "ports": [web.port()], "private": ["127.0.0.1", "::1"],
    });
    let stranger = granted(grant.clone()).start().await;
    let asked = json!([{ "url": "https://web/echo" }, { "url": "https://web/echo", "old": true }]);
    for answer in ask(&stranger, "", &asked).await {
        let text = error(&answer).to_lowercase().replace(['-', ' '], "");
        assert!(text.contains("tlscertificateerror"), "{answer}");
    }
    grant["ssl-ca"] = web.authority().into();
    let node = granted(grant.clone()).start().await;
    for answer in ask(&node, "", &asked).await {
        assert_eq!(answer["body"]["version"], "HTTP/2.0", "{answer}");
    }
    grant["ssl-ca"] = "/no/such/file".into();
    let nowhere = granted(grant).start().await;
    assert_eq!(error(&ask(&nowhere, "", &asked).await[0]), "configuration error");
}

#[tokio::test]
async fn a_server_that_does_not_answer_ends_the_call_in_time_and_neighbours_are_stored() {
    let web = Web::start().await;
    for (path, waited) in [("slow", "http response timeout"), ("stall", "connection read timeout")]
    {
        for old in [false, true] {
            let node = hurried(node(&web), 1000).start().await;
            let asked = json!([{ "url": format!("http://web/{path}"), "old": old }]);
            let objects = [calls("waits", "", &asked), arrival("beside")];
            for receipt in node.ingest_all(objects).await {
                let _ = stored(receipt);
            }
            let answer = answers(&node, "waits").await;
            let text = error(&answer[0]).to_lowercase().replace("errorcode::", "");
            let same = |text: &str| text.replace([' ', '-'], "");
            assert!(same(&text).contains(&same(waited)), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_guest_may_be_less_patient_than_its_limits() {
    let web = Web::start().await;
    let node = node(&web).start().await;
    let asked = json!([
        { "url": "http://web/slow", "timeout": 20 },
        { "url": "http://web/stall", "timeout": 20 },
        { "url": "http://web/echo", "timeout": 1000 },
    ]);
    let answers = ask(&node, "", &asked).await;
    assert_eq!(error(&answers[0]), "http response timeout");
    assert_eq!(error(&answers[1]), "connection read timeout");
    assert_eq!(answers[2]["status"], 200);
}

#[tokio::test]
async fn bodies_without_end_are_bounded_both_ways() {
    let web = Web::start().await;
    let node = patient(node(&web)).start().await;
    let sent = json!({
        "url": "http://web/echo", "method": "POST", "body": "x".repeat(60_000), "repeat": 0,
    });
    let asked = json!([{ "url": "http://web/endless" }, sent]);
    let objects = [calls("endless", "in-turn", &asked), arrival("beside")];
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    let answers = answers(&node, "endless").await;
    assert_eq!(error(&answers[0]), "http response body size");
    assert_eq!(error(&answers[1]), "http request body size");
    assert_eq!(web.whole(), 0);
}

#[tokio::test]
async fn a_large_body_is_sent_and_counted_whole() {
    let web = Web::start().await;
    let node = patient(node(&web)).start().await;
    let asked = json!([{
        "url": "http://web/echo", "method": "POST", "body": "x".repeat(60_000), "repeat": 20,
    }]);
    assert_eq!(ask(&node, "", &asked).await[0]["body"]["bytes"], 1_200_000);
}

#[tokio::test]
async fn a_request_that_is_given_up_half_sent_does_not_look_whole() {
    let web = Web::start().await;
    for build in [node(&web), node_h2(&web)] {
        let node = hurried(build, 300).start().await;
        let sent = json!({
            "url": "http://web/echo", "method": "POST", "body": "x", "repeat": 0,
        });
        // Whichever limit it meets first, it is gone then.
        let _ = node.ingest(calls("half", "", &json!([sent]))).await;
        let before = web.requests();
        let asked = json!([{ "url": "http://web/echo" }]);
        let whole = web.whole();
        assert_eq!(ask(&node, "", &asked).await[0]["status"], 200);
        assert_eq!((web.requests(), web.whole()), (before + 1, whole + 1));
    }
    assert_eq!(web.whole(), 2);
}

#[tokio::test]
async fn answers_that_break_off_or_have_too_many_headers_are_errors() {
    let web = Web::start().await;
    let asked = json!([{ "url": "http://web/broken" }, { "url": "http://web/headers/1000" }]);
    let answers = ask(&node(&web).start().await, "", &asked).await;
    assert_eq!(error(&answers[0]), "http response incomplete");
    assert_eq!(error(&answers[1]), "http response header section size");
    let answers = ask(&node_h2(&web).start().await, "", &asked).await;
    assert!(error(&answers[0]).starts_with("http "), "{}", answers[0]);
    assert!(error(&answers[1]).starts_with("http "), "{}", answers[1]);
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error_without_its_address() {
    let web = Web::start().await;
    let node = node(&web).start().await;
    drop(web);
    let asked = json!([{ "url": "http://web/echo" }]);
    let refused = async || {
        let answer = ask(&node, "", &asked).await;
        (answer[0].get("error")? == "connection refused").then_some(())
    };
    eventually("nothing listens there any more", refused).await;
}

#[tokio::test]
async fn calls_are_counted_and_one_too_many_ends_the_object_alone() {
    let web = Web::start().await;
    let node = node(&web)
        .configure("asks-http", |plugin| {
            plugin.limits.host_calls = 5;
            plugin.limits.batch_host_calls = 10;
        })
        .start()
        .await;
    for old in [false, true] {
        // A batch may use what its objects may.
        let many = json!(vec![json!({ "url": "http://web/echo", "old": old }); 11]);
        let objects = [calls("many", "", &many), arrival("beside")];
        let mut receipts = node.ingest_all(objects).await;
        let _ = stored(receipts.pop().unwrap());
        let failed = failure(receipts.pop().unwrap());
        assert!(failed.message.contains("5 of host-calls"), "{}", failed.message);
    }
    let five = json!(vec![json!({ "url": "http://web/echo" }); 5]);
    assert_eq!(ask(&node, "", &five).await[4]["status"], 200);
}

#[tokio::test]
async fn a_rate_counts_requests_and_the_bytes_of_both_directions() {
    let web = Web::start().await;
    let rated = async |rate: Value| {
        let mut grant = grant(&web);
        grant["rate"] = rate;
        patient(granted(grant)).start().await
    };
    let asked = json!(vec![json!({ "url": "http://web/echo" }); 3]);
    let answers = ask(&rated(json!({ "calls": 2 })).await, "in-turn", &asked).await;
    assert!(error(&answers[2]).contains("more than 2 calls in a second"), "{}", answers[2]);
    let large = json!({
        "url": "http://web/echo", "method": "POST", "body": "x".repeat(60_000), "repeat": 10,
    });
    let asked = json!([large, { "url": "http://web/echo" }]);
    let answers = ask(&rated(json!({ "bytes": "10 kB" })).await, "in-turn", &asked).await;
    assert_eq!(answers[0]["body"]["bytes"], 600_000);
    assert!(error(&answers[1]).contains("bytes in a second"), "{}", answers[1]);
    let asked = json!([{ "url": "http://web/headers/90" }, { "url": "http://web/echo" }]);
    let answers = ask(&rated(json!({ "bytes": "1 kB" })).await, "in-turn", &asked).await;
    assert!(error(&answers[1]).contains("bytes in a second"), "{}", answers[1]);
}

#[tokio::test]
async fn headers_that_are_the_connections_are_refused() {
    let web = Web::start().await;
    let node = node(&web).start().await;
    for name in ["connection", "transfer-encoding", "upgrade", "proxy-authorization"] {
        let sent = json!({ "url": "http://web/echo", "headers": { name: "x" } });
        let asked =
            json!([sent.clone(), { "old": true, "url": sent["url"], "headers": sent["headers"] }]);
        for answer in ask(&node, "", &asked).await {
            assert!(error(&answer).to_lowercase().contains("forbidden"), "{name}: {answer}");
        }
    }
    // The kit takes it out, because requests that are passed on have one; the node's is sent.
    let host = json!({ "host": "evil.example" });
    let asked = json!([
        { "url": "http://web/echo", "headers": host },
        { "url": "http://web/echo", "headers": host, "old": true },
        { "url": "http://web/echo", "headers": { "x-large": "x".repeat(20_000) } },
    ]);
    let answers = ask(&node, "", &asked).await;
    let own = format!("127.0.0.1:{}", web.port());
    assert_eq!(answers[0]["body"]["headers"]["host"], own, "{}", answers[0]);
    assert!(error(&answers[1]).to_lowercase().contains("forbidden"), "{}", answers[1]);
    assert!(error(&answers[2]).to_lowercase().contains("size"), "{}", answers[2]);
}
