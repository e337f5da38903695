//! What a component is given: variables, stores, hosts, instances.

use framedb_host::spin::Inherited;
use framedb_tests::{
    SpinBuild, TestSpin, component_path, eventually, fixture_path,
    servers::{mariadb, redis::RedisServer},
    within,
};
use futures::future::join_all;
use http::StatusCode;

fn answers() -> SpinBuild {
    TestSpin::build(&fixture_path("answers-http"))
}

/// What a path answers, with its status.
async fn ask(spin: &TestSpin, path: &str, body: &str) -> (u16, String) {
    let line = format!("POST /{path}");
    let http = spin.http();
    let sent = http.send(&line, &[], body.to_owned());
    let answer = within(path, sent).await;
    (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned())
}

#[tokio::test]
async fn bodies_come_and_go_whole_over_both_versions_of_http() {
    let spin = answers().start().await;
    let large = "x".repeat(3 << 20);
    assert_eq!(ask(&spin, "echo", &large).await, (200, large.clone()));
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .http2_only(true)
        .build_http::<http_body_util::Full<bytes::Bytes>>();
    let request = http::Request::post(format!("http://{}/echo", spin.address()));
    let answer = client.request(request.body(large.clone().into()).unwrap()).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, http::Version::HTTP_2));
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap();
    assert_eq!(body.to_bytes(), large);
}

#[tokio::test]
async fn an_instance_answers_many_requests_and_several_at_once() {
    let redis = RedisServer::start();
    let spin = answers().host(&redis.url()).start().await;
    assert_eq!(ask(&spin, "asked", "").await.1, "1 1");
    assert_eq!(ask(&spin, "asked", "").await.1, "2 1");
    // One after the other, so that none finds its instance busy with taking another one.
    let mut waiting = Vec::new();
    for n in 1..=20 {
        let (http, url) = (spin.http(), redis.url());
        let sent = async move { http.send("POST /blpop/queue", &[], url).await };
        waiting.push(tokio::spawn(sent));
        let blocked = format!("blocked_clients:{n}");
        let waits = || async {
            let told = redis.command(&["INFO", "clients"]);
            told.lines().any(|line| line.trim_end() == blocked).then_some(())
        };
        eventually("the request waits", waits).await;
    }
    redis.command(&[&["RPUSH", "queue"], [".."; 20].as_slice()].concat());
    let answers = join_all(waiting).await.into_iter().map(|answer| {
        let answer = answer.unwrap();
        (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned())
    });
    let answers: Vec<_> = answers.collect();
    let most = answers.iter().map(|(status, text)| {
        assert_eq!(*status, 200, "{text}");
        text.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    });
    // The node's runtime divides them among instances, so that every CPU has one.
    let cpus = std::thread::available_parallelism().unwrap().get();
    let expected = if framedb_tests::spin().is_some() { 16 } else { 16_usize.div_ceil(cpus) };
    assert_eq!(most.max(), Some(expected), "{answers:?}");
}

#[tokio::test]
async fn a_component_that_fails_answers_500_and_the_next_request_is_answered() {
    let spin = answers().start().await;
    assert_eq!(ask(&spin, "asked", "").await.1, "1 1");
    assert_eq!(ask(&spin, "trap", "").await.0, 500);
    assert_eq!(ask(&spin, "asked", "").await, (200, "1 1".to_owned()));
}

#[tokio::test]
async fn variables_are_the_components_own() {
    let spin = answers().variable("framedb_name", "edge 1").start().await;
    assert_eq!(ask(&spin, "variable/framedb_name", "").await, (200, "edge 1".to_owned()));
    let (status, error) = ask(&spin, "variable/other", "").await;
    assert_eq!(status, 502);
    assert!(error.starts_with("Error::Undefined"), "{error}");
}

#[tokio::test]
async fn stores_are_those_that_the_manifest_names_and_keep_what_is_set() {
    let spin = answers().store("default").start().await;
    let large = "v".repeat(2 << 20);
    assert_eq!(ask(&spin, "set/a", &large).await.0, 200);
    assert_eq!(ask(&spin, "get/a", "").await, (200, large));
    assert_eq!(ask(&spin, "get/b", "").await.0, 502);
    assert_eq!(ask(&spin, "store/other", "").await.0, 502);
}

#[tokio::test]
async fn only_allowed_hosts_are_connected_to_and_no_password_is_told() {
    let (allowed, other) = (RedisServer::start(), RedisServer::start());
    let spin = answers().host(&allowed.url()).start().await;
    let (status, answer) = ask(&spin, "redis/hello", &allowed.url()).await;
    assert_eq!((status, answer.contains("Binary")), (200, true), "{answer}");
    let refused = other.url().replace("redis://", "redis://user:s3cret@");
    assert_eq!(
        ask(&spin, "redis/hello", &refused).await,
        (502, "Error::InvalidAddress".to_owned())
    );
    let (status, error) = ask(&spin, "http", &format!("http://127.0.0.1:{}/", other.port())).await;
    assert_eq!(status, 502);
    assert!(error.contains("HttpRequestDenied"), "{error}");
}

#[tokio::test]
async fn a_redis_that_is_down_is_an_error_when_it_is_opened() {
    let mut redis = RedisServer::start();
    let spin = answers().host(&redis.url()).start().await;
    redis.stop();
    let (status, error) = ask(&spin, "redis/hello", &redis.url()).await;
    assert_eq!(status, 502);
    assert!(error.starts_with("Error::Other"), "{error}");
}

#[tokio::test]
async fn a_session_of_a_database_goes_on_from_statement_to_statement() {
    let server = mariadb::shared().await;
    let url = server.url("mysql");
    let host = format!("mysql://127.0.0.1:{}", server.port());
    let spin = answers().host(&host).start().await;
    assert_eq!(ask(&spin, "mysql/value", &url).await, (200, "value".to_owned()));
}

#[tokio::test]
async fn a_manifest_that_lacks_something_is_refused_with_what_it_lacks() {
    if framedb_tests::spin().is_some() {
        return; // Spin has its own words.
    }
    let missing = TestSpin::build(&component_path("no-such-component")).try_start().await;
    assert!(missing.unwrap_err().to_string().contains("no-such-component"));
    let nobody = TestSpin::build(&component_path("serialize-lz4")).try_start().await;
    let error = nobody.unwrap_err().to_string();
    assert!(error.contains("does not export `wasi:http/handler"), "{error}");
    let nothing = Inherited::All(false);
    let import = "framedb:edge/ingest@0.1.0";
    let uninherited =
        answers().dependency(import, &component_path("ingest-inspect"), nothing).try_start().await;
    let error = uninherited.unwrap_err();
    assert!(error.to_string().contains("does not inherit variables"), "{error}");
    let unimported = answers()
        .stage(framedb_core::Stage::Ingest, "ingest-inspect")
        .try_start()
        .await
        .unwrap_err()
        .to_string();
    assert!(unimported.contains("does not import `framedb:edge/ingest@0.1.0`"), "{unimported}");
}
