//! `framedb plugin run`: failures that happen again, without the node and its servers.

use framedb_tests::{
    Operator, component_path, fixture_path,
    servers::{redis::RedisServer, web::Web},
};
use serde_json::{Value, json};

/// What no letter may have in it.
const TOKEN: &str = "hunter2-and-more";

/// A node with a plugin that fails with what it was told, by its bucket and a server.
fn operator(server: &RedisServer, limits: &str) -> Operator {
    Operator::new(&format!(
        "[plugins.told]\ncomponent = {:?}\nsecret-settings = [\"told_token\"]\n\
         [plugins.told.settings]\ntold_token = \"{TOKEN}\"\n\
         [plugins.told.limits]\n{limits}\n\
         [plugins.told.grants.key-value.default]\n\
         [plugins.told.grants.redis.hot]\nurl = \"{}\"\nkeys = [\"own:*\"]\ncommands = [\"read\"]\n\
         [pipelines.default]\ningest = [\"told\"]\n",
        fixture_path("told"),
        server.url(),
    ))
}

/// Sends an object that makes its plugin ask and trap, and returns the id of its dead letter.
fn ask(operator: &Operator, key: &str, what: &str) -> String {
    operator.write("payload", "[[\"get\", \"own:a\"]]");
    let put = operator.run(&format!("put payload --key {key} --meta told={what}"));
    assert_eq!(put.code, Some(1), "{put:?}");
    assert!(!put.stderr.contains(TOKEN), "{}", put.stderr);
    let (_, id) = put.stderr.split_once("(dead letter ").unwrap_or_else(|| panic!("{put:?}"));
    id.split(')').next().unwrap().to_owned()
}

fn exported(operator: &Operator, id: &str) -> (String, Value) {
    let exported = operator.run(&format!("dlq export {id} --to some/letters"));
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let text = operator.read(&format!("some/letters/{id}.json"));
    let letter = serde_json::from_str(&text).unwrap();
    (text, letter)
}

#[test]
fn a_failure_happens_again_from_its_record_without_node_and_servers() {
    let mut server = RedisServer::start();
    assert_eq!(server.command(&["SET", "own:a", &format!("a value with {TOKEN}")]), "+OK");
    let operator = operator(&server, "");
    let node = operator.serve();
    let id = ask(&operator, "a", "once");

    let (text, letter) = exported(&operator, &id);
    assert!(!text.contains(TOKEN), "{text}");
    let show = operator.run(&format!("dlq show {id}"));
    assert!(show.stdout.contains("recorded      6 host calls, "), "{}", show.stdout);
    assert!(!show.stdout.contains(TOKEN) && !show.stdout.contains("truncated"), "{}", show.stdout);
    let calls = letter["evidence"]["calls"].as_array().unwrap();
    let functions: Vec<_> = calls.iter().map(|call| call["function"].as_str().unwrap()).collect();
    assert_eq!(functions, ["open", "set", "get", "get-keys", "open", "get"]);
    assert_eq!(calls[3]["items"], json!(["token"]));
    let value = &calls[5]["answer"]["given"]["Ok"]["$text"];
    assert_eq!(value, "a value with <secret told_token>");

    server.stop();
    let failing = fixture_path("told");
    let run = format!("plugin run {} --dlq {id}", failing.display());
    let first = operator.run(&run);
    assert_eq!(first.code, Some(1), "{first:?}");
    let error = format!("recorded    {}\n", letter["error"].as_str().unwrap());
    assert!(first.stdout.contains(&error), "{}", first.stdout);
    assert!(first.stdout.contains(&error.replace("recorded", "failure ")), "{}", first.stdout);
    assert!(first.stdout.contains("component   the one that failed\n"), "{}", first.stdout);
    assert!(first.stdout.contains("\nbacktrace   fixture_told.wasm!"), "{}", first.stdout);
    assert!(first.stderr.ends_with("error: it failed as it is recorded\n"), "{}", first.stderr);
    assert!(!first.stdout.contains(TOKEN), "{}", first.stdout);

    drop(node);
    let second = operator.run(&run);
    assert_eq!((second.code, &second.stdout), (Some(1), &first.stdout));
    // What was exported needs no data directory.
    std::fs::remove_dir_all(operator.data_dir()).unwrap();
    let letter = format!("plugin run {} --letter some/letters/{id}.json", failing.display());
    let third = operator.run(&letter);
    assert_eq!((third.code, &third.stdout), (Some(1), &first.stdout), "{}", third.stderr);
}

#[test]
fn a_fixed_plugin_gives_its_verdict_and_one_that_asks_otherwise_is_told_so() {
    let server = RedisServer::start();
    let operator = operator(&server, "");
    let _node = operator.serve();
    let id = ask(&operator, "a", "once");

    let fixed = component_path("pass-through");
    let run = operator.run(&format!("plugin run {} --dlq {}", fixed.display(), &id[..6]));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.stdout.contains("component   another than the one that failed\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.ends_with("verdict     accepted\n"), "{}", run.stdout);

    let otherwise = fixture_path("asks-redis");
    let run = operator.run(&format!("plugin run {} --dlq {id}", otherwise.display()));
    assert_eq!(run.code, Some(3), "{run:?}");
    let error = "error: the component asked for something else than is recorded: as its host call \
                 1 it asked for `spin:redis/redis@3.0.0 open [\"{\\\"told\\\":\\\"once\\\"}\"]`, and the record has \
                 `spin:key-value/key-value@3.0.0 open [\"default\"]` there\n";
    assert!(run.stderr.ends_with(error), "{}", run.stderr);
    // The queue is as it was.
    assert!(operator.run("dlq ls").stdout.contains("1x"));
}

#[test]
fn a_record_that_has_no_more_room_says_so() {
    let server = RedisServer::start();
    let operator = operator(&server, "record = \"4 KiB\"");
    let _node = operator.serve();
    let id = ask(&operator, "a", "loop");
    let show = operator.run(&format!("dlq show {id}"));
    assert!(show.stdout.contains(", truncated\n"), "{}", show.stdout);
    let (_, letter) = exported(&operator, &id);
    assert_eq!(letter["evidence"]["truncated"], true);
    let run = operator.run(&format!("plugin run {} --dlq {id}", fixture_path("told").display()));
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stderr.contains("because there was no more room"), "{}", run.stderr);
}

#[test]
fn a_plugin_that_opens_its_bucket_when_it_is_loaded_needs_none() {
    // Room for its settings alone, and for all that comes before the bucket is read.
    for host_calls in [2, 6] {
        let operator = Operator::new(&format!(
            "[plugins.ingest-dedup.settings]\ndedup_window = \"10m\"\n\
             [plugins.ingest-dedup.limits]\nhost-calls = {host_calls}\n\
             [plugins.ingest-dedup.grants.key-value.default]\n\
             [pipelines.default]\ningest = [\"ingest-dedup\"]\n",
        ));
        let node = operator.serve();
        let put = operator.run_with("put - --key a", "an object");
        let (_, id) = put.stderr.split_once("(dead letter ").unwrap_or_else(|| panic!("{put:?}"));
        let id = id.split(')').next().unwrap();
        drop(node);
        let run = operator.run(&format!("plugin run ingest-dedup --dlq {id}"));
        assert!(run.stderr.ends_with("error: it failed as it is recorded\n"), "{run:?}");
        assert_eq!(run.code, Some(1), "{run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_servers_answered_over_http_is_told_again_without_them() {
    let web = Web::start().await;
    let operator = Operator::new(&format!(
        "[plugins.asks]\ncomponent = {:?}\n[plugins.asks.grants.http.web]\nhost = \"127.0.0.1\"\n\
         ports = [{}]\nschemes = [\"http\"]\n[pipelines.default]\ningest = [\"asks\"]\n",
        fixture_path("asks-http"),
        web.port(),
    ));
    let node = operator.serve();
    let asks = json!([
        { "url": "http://web/echo/x", "method": "POST", "body": "sent" },
        { "url": "http://web/echo/y", "old": true },
        { "url": "http://web/trailers" },
        { "url": "http://web/broken" },
        { "url": "http://elsewhere.example/" },
    ]);
    operator.write("payload", asks.to_string());
    let put = operator.run("put payload --key a --meta then=then-trap");
    let (_, id) = put.stderr.split_once("(dead letter ").unwrap_or_else(|| panic!("{put:?}"));
    let id = id.split(')').next().unwrap();
    let (_, letter) = exported(&operator, id);
    let calls = letter["evidence"]["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 5, "{calls:#?}");
    assert!(calls.iter().all(|call| call["interface"] == "wasi:http"), "{calls:#?}");
    let asked = web.requests();

    // The server still runs, and hears nothing.
    let failing = fixture_path("asks-http");
    let run = format!("plugin run {} --dlq {id}", failing.display());
    let first = operator.run(&run);
    assert!(first.stderr.ends_with("error: it failed as it is recorded\n"), "{first:?}");
    drop(node);
    let second = operator.run(&run);
    assert_eq!((second.code, &second.stdout), (Some(1), &first.stdout));
    assert_eq!(web.requests(), asked);
    for answered in ["\"bytes\":4", "/echo/y", "one two", "`elsewhere.example` are not granted"] {
        assert!(first.stdout.contains(answered), "`{answered}` is not in {}", first.stdout);
    }
}
