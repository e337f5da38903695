//! `ingest-admit`, the plugin that comes with the node, against a real server.

use framedb_core::{FailureClass, Outcome, Stage};
use framedb_tests::{
    Build, Describe, TestNode, arrival, component, failure, servers::web::Web, stored,
};
use serde_json::json;
use std::time::Duration;

/// A node that lets in what this server says yes to, at `/gate`.
fn node(web: &Web, on_error: &str) -> Build {
    asking(web, "http://gate/gate?site=a", on_error)
}

fn asking(web: &Web, url: &str, on_error: &str) -> Build {
    let grant = json!({
        "host": "127.0.0.1", "ports": [web.port()], "schemes": ["http"],
        "plaintext-http2": true, "methods": ["GET"], "paths": ["/gate", "/slow"],
    });
    let grants = serde_json::from_value(json!({ "http": { "gate": grant } })).unwrap();
    TestNode::build()
        .plugin("admit", component("ingest-admit"), |plugin| {
            plugin.grants = grants;
            plugin.settings.insert("admit_url".into(), url.into());
            plugin.settings.insert("admit_timeout_ms".into(), 300.into());
            plugin.settings.insert("admit_on_error".into(), on_error.into());
        })
        .pipeline("default", |pipeline| pipeline.ingest = vec!["admit".into()])
        .config(|config| config.limits.deadline = Duration::from_secs(2))
}

#[tokio::test]
async fn objects_enter_that_the_service_says_yes_to() {
    let web = Web::start().await;
    let node = node(&web, "retry").start().await;
    for receipt in node.ingest_all((0..120).map(|n| arrival(&format!("k-{n}")))).await {
        let _ = stored(receipt);
    }
    assert_eq!((web.requests(), web.connections()), (120, 1));
}

#[tokio::test]
async fn a_refusal_is_told_in_the_services_own_words() {
    let web = Web::start().await;
    let node = node(&web, "retry").start().await;
    let sent = arrival("403").id("id-7").source("cam 1&2").content_type("image/jpeg");
    let size = sent.data.len();
    let refused = failure(node.ingest(sent).await);
    assert_eq!(refused.class, FailureClass::Reject);
    let asked = "not admitted: asked site=a&id=id-7&key=403&source=cam+1%262";
    assert!(refused.message.contains(asked), "{}", refused.message);
    let rest = format!("&content_type=image%2Fjpeg&size={size}");
    assert!(refused.message.contains(&rest), "{}", refused.message);
    // Those beside it are not held up.
    let batch = [arrival("a"), arrival("404"), arrival("c")];
    let receipts = node.ingest_all(batch).await;
    let entered = receipts.iter().map(|receipt| receipt.outcome == Outcome::Stored);
    assert_eq!(entered.collect::<Vec<_>>(), [true, false, true]);
}

#[tokio::test]
async fn who_is_to_wait_is_asked_again() {
    let web = Web::start().await;
    let node = node(&web, "reject").start().await;
    let _ = stored(node.ingest(arrival("later")).await);
    assert_eq!(web.requests(), 2);
}

#[tokio::test]
async fn without_an_answer_the_setting_decides() {
    let web = Web::start().await;
    let accepts = node(&web, "accept").start().await;
    let _ = stored(accepts.ingest(arrival("500")).await);
    let rejects = node(&web, "reject").start().await;
    let refused = failure(rejects.ingest(arrival("503")).await);
    assert_eq!(refused.class, FailureClass::Reject);
    let said = "the service has no answer: it answered 503 Service Unavailable";
    assert!(refused.message.contains(said), "{}", refused.message);
    let slow = asking(&web, "http://gate/slow", "reject").start().await;
    let refused = failure(slow.ingest(arrival("a")).await);
    assert!(refused.message.contains("the service has no answer"), "{}", refused.message);
    let retries = node(&web, "retry").start().await;
    let late = failure(retries.ingest(arrival("500")).await);
    assert!(late.message.contains("it answered 500"), "{}", late.message);
    assert_ne!(late.class, FailureClass::Reject);
}

#[tokio::test]
async fn the_deadline_ends_what_waits_for_an_answer() {
    let web = Web::start().await;
    let node = asking(&web, "http://gate/slow", "reject")
        .configure("admit", |plugin| {
            plugin.settings.insert("admit_timeout_ms".into(), 60_000.into());
        })
        .pipeline("default", |pipeline| {
            pipeline.ingest = vec!["admit".into()];
            pipeline.batch.objects = 1;
        })
        .config(|config| config.limits.deadline = Duration::from_millis(300))
        .start()
        .await;
    for receipt in node.ingest_all((0..8).map(|n| arrival(&format!("k-{n}")))).await {
        let late = failure(receipt);
        let asked = (late.class, late.stage);
        assert_eq!(asked, (FailureClass::Retry, Stage::Ingest), "{}", late.message);
        let said = "not stored: the deadline passed before ingest had an answer";
        assert!(late.message.starts_with(said), "{}", late.message);
    }
}

#[tokio::test]
async fn what_is_not_granted_is_refused_at_once() {
    let web = Web::start().await;
    for url in ["http://gate/elsewhere", "http://other/gate"] {
        let node = asking(&web, url, "retry").start().await;
        let refused = failure(node.ingest(arrival("a")).await);
        assert_eq!(refused.class, FailureClass::Reject, "{}", refused.message);
        assert!(refused.message.contains("not granted"), "{}", refused.message);
    }
    assert_eq!(web.requests(), 0);
}
