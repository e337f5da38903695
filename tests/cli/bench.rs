//! `framedb bench`: it starts the server it measures, and says its figures.

use framedb_tests::Operator;
use serde_json::Value;

/// Runs a short measurement; its figures by name.
#[track_caller]
fn figures(line: &str) -> Vec<(String, f64)> {
    let finished = Operator::new("").run(&format!("bench {line} --quick --json"));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stderr.starts_with("measuring "), "{}", finished.stderr);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    let rows = report["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["name"].as_str().unwrap().into(), row["value"].as_f64().unwrap())).collect()
}

#[track_caller]
fn has_figures(line: &str, names: &[&str]) -> Vec<f64> {
    let figures = figures(line);
    let found: Vec<_> = figures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found, names);
    // A difference may be below nothing in a short run.
    let is_taken = |(name, value): &(String, f64)| name.ends_with("-tax") || *value > 0.0;
    assert!(figures.iter().all(is_taken), "{figures:?}");
    figures.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn redis_is_measured_beside_its_own_benchmark() {
    has_figures("engine redis", &["redis-vs-raw", "redis-rate", "redis-raw-rate"]);
}

#[test]
fn mysql_is_measured_with_and_without_groups() {
    has_figures("engine mysql", &["mysql-grouping", "mysql-grouped-rate", "mysql-single-rate"]);
}

#[test]
fn etcd_is_measured_beside_its_own_rate() {
    let figures = has_figures("engine etcd", &["etcd-vs-raw", "etcd-rate", "etcd-raw-rate"]);
    let [ratio, routes, puts] = figures[..] else { panic!("{figures:?}") };
    // Of one round.
    assert!((ratio - routes / puts).abs() < 1e-9, "{figures:?}");
}

#[test]
fn the_sandbox_is_measured_with_and_without_what_it_guards() {
    has_figures(
        "sandbox",
        &[
            "guard-tax",
            "guarded-rate",
            "bisect-cost",
            "batch-us-b256-1k",
            "bisect-us-b256-1k",
            "concurrency-gain",
            "calls-256-rate",
            "calls-1-rate",
            "grpc-concurrency-gain",
            "grpc-calls-256-rate",
            "grpc-calls-1-rate",
        ],
    );
}

#[test]
fn an_etcd_that_is_not_there_is_named_without_secrets() {
    let operator = Operator::new("");
    let url = "etcd://u:secret@127.0.0.1:1/p";
    let refused = operator.run(&format!("bench engine etcd --quick --url {url}"));
    assert_eq!((refused.code, &*refused.stdout), (Some(1), ""));
    let message = "cannot use the registry in etcd at 127.0.0.1:1: the server cannot be reached";
    assert!(refused.stderr.contains(message), "{}", refused.stderr);
    assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
}

#[test]
fn a_server_that_is_not_there_is_named_without_secrets() {
    let operator = Operator::new("");
    let url = "mysql://u:secret@127.0.0.1:1/d";
    let refused = operator.run(&format!("bench engine mysql --quick --url {url}"));
    assert_eq!((refused.code, &*refused.stdout), (Some(1), ""));
    let message = "error: cannot open the instance `bench`: cannot connect: no connection to \
        127.0.0.1:1\n  caused by: Connection refused (os error 111)\n";
    assert!(refused.stderr.ends_with(message), "{}", refused.stderr);
}
