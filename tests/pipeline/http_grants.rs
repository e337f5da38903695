//! Requests over HTTP that no grant has: refused before anything is sent, whatever the spelling.

use framedb_host::ErrorKind;
use framedb_tests::{
    Build, TestNode, answers, arrival, ask, asking, calls, error, servers::web::Web, stored,
};
use serde_json::{Value, json};

fn granted(grant: Value) -> Build {
    asking("asks-http", &json!({ "http": { "web": grant } }))
}

fn refusals(node: &TestNode) -> u64 {
    node.counted("framedb_plugin_refusals_total", "capability=\"http\"")
}

/// What asking for URLs over both versions of the interface says.
async fn refused(node: &TestNode, urls: &[String]) {
    let asked: Vec<_> = urls
        .iter()
        .flat_map(|url| [json!({ "url": url }), json!({ "url": url, "old": true })])
        .collect();
    let answers = ask(node, "", &json!(asked)).await;
    for (answer, ask) in answers.iter().zip(asked) {
        assert!(answer.get("error").is_some(), "{ask}: {answer}");
    }
}

#[tokio::test]
async fn a_plugin_that_asks_over_http_is_refused_at_load_without_a_grant() {
    let build = asking("asks-http", &json!({}));
    let refused = build.try_start().await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Config);
    let text = refused.chain();
    for import in ["wasi:http/client@0.3", "wasi:http/outgoing-handler@0.2"] {
        assert!(text.contains(import), "{text}");
    }
    let hint = refused.hint().unwrap();
    assert!(hint.contains("[plugins.asks-http.grants.http.LABEL]\nhost = "), "{hint}");
}

#[tokio::test]
async fn what_a_grant_does_not_have_is_not_sent() {
    let (web, other) = (Web::start().await, Web::start().await);
    let grant = json!({
        "host": "127.0.0.1", "ports": [web.port()], "schemes": ["http"],
        "paths": ["/echo"], "methods": ["GET"],
    });
    let node = granted(grant).start().await;
    let (port, others) = (web.port(), other.port());
    let urls = [
        format!("http://127.0.0.1:{others}/echo"),
        format!("https://127.0.0.1:{port}/echo"),
        format!("http://127.0.0.1:{port}/slow"),
        format!("http://127.0.0.1:{port}/echo/../slow"),
        format!("http://127.0.0.1:{port}/echo/%2e%2e/slow"),
        format!("http://127.0.0.2:{port}/echo"),
        format!("http://localhost:{port}/echo"),
        format!("http://[::1]:{port}/echo"),
        "http://example.com/echo".to_owned(),
        "http://web:1/echo".to_owned(),
    ];
    refused(&node, &urls).await;
    assert_eq!(refusals(&node), 20);
    let asked = json!([
        { "url": "http://web/echo", "method": "POST" },
        { "url": "http://web/echo", "method": "CONNECT" },
        { "url": "http://other.example/" },
        { "url": format!("http://127.1:{port}/echo") },
    ]);
    let answers = ask(&node, "", &asked).await;
    let lines = "[plugins.asks-http.grants.http.web]\nmethods = [\"GET\", \"POST\"]";
    assert!(error(&answers[0]).contains(lines), "{}", answers[0]);
    assert!(error(&answers[1]).contains("no grant has the method"), "{}", answers[1]);
    assert!(error(&answers[2]).contains("host = \"other.example\""), "{}", answers[2]);
    // Another spelling of the address that is granted is that address.
    assert_eq!(answers[3]["status"], 200, "{}", answers[3]);
    assert_eq!((web.requests(), other.connections()), (1, 0));
}

#[tokio::test]
async fn addresses_that_are_not_public_need_a_name_in_the_grant() {
    let web = Web::start().await;
    let port = web.port();
    let grant = json!({ "host": "*", "ports": [port], "schemes": ["http"] });
    let node = granted(grant).start().await;
    let urls =
        ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:7f00:1]"]
            .map(|host| format!("http://{host}:{port}/echo"));
    refused(&node, &urls).await;
    let asked = json!([{ "url": format!("http://169.254.169.254:{port}/") }]);
    let metadata = ask(&node, "", &asked).await;
    assert!(error(&metadata[0]).contains("a link-local address"), "{}", metadata[0]);
    assert_eq!(web.connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_after_it_was_looked_up() {
    let web = Web::start().await;
    let mut grant = json!({ "host": "localhost", "ports": [web.port()], "schemes": ["http"] });
    let node = granted(grant.clone()).start().await;
    let asked = json!([{ "url": "http://web/echo" }]);
    let objects = [calls("inside", "", &asked), arrival("beside")];
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    let answer = answers(&node, "inside").await;
    let text = error(&answer[0]);
    assert!(text.contains("a host of the grant `web` leads to a loopback address"), "{text}");
    assert!(!text.contains("127.0.0.1"), "{text}");
    assert_eq!((refusals(&node), web.connections()), (1, 0));
    // Only the addresses that are named are connected to.
    grant["private"] = json!(["127.0.0.1"]);
    let node = granted(grant).start().await;
    assert_eq!(ask(&node, "", &asked).await[0]["status"], 200);
}

#[tokio::test]
async fn a_connection_of_one_grant_is_not_used_for_another() {
    let web = Web::start().await;
    let port = web.port();
    let open = json!({
        "host": "localhost", "ports": [port], "schemes": ["http"], "paths": ["/open"],
        "private": ["127.0.0.1"],
    });
    let closed = json!({ "host": "localhost", "ports": [port], "schemes": ["http"] });
    let grants = json!({ "http": { "closed": closed, "open": open } });
    let node = asking("asks-http", &grants).start().await;
    let asked = json!([{ "url": "http://open/open" }, { "url": "http://closed/echo" }]);
    let answers = ask(&node, "in-turn", &asked).await;
    assert_eq!(answers[0]["status"], 200, "{}", answers[0]);
    assert!(error(&answers[1]).contains("leads to a loopback address"), "{}", answers[1]);
}

#[tokio::test]
async fn redirects_are_not_followed_and_lead_nowhere_that_is_not_granted() {
    let (web, other) = (Web::start().await, Web::start().await);
    let grant = json!({ "host": "127.0.0.1", "ports": [web.port()], "schemes": ["http"] });
    let node = granted(grant).start().await;
    let path = format!("http://web/to/127.0.0.1:{}/echo", other.port());
    let answers = ask(&node, "", &json!([{ "url": path }])).await;
    assert_eq!(answers[0]["status"], 302, "{}", answers[0]);
    let location = &answers[0]["headers"]["location"];
    let followed = ask(&node, "", &json!([{ "url": location }])).await;
    assert!(error(&followed[0]).contains("is not granted"), "{}", followed[0]);
    assert_eq!(other.connections(), 0);
}
