//! What the fuzzers run, on the compiler that everything else is built with: every file of the
//! kept corpus, and some thousands of mutations of them, the same ones each time.
//!
//! `FRAMEDB_FUZZ_RUNS` says how many mutations, for a longer look without a fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly, their helpers too"
)]

mod mutation;

use framedb_host::fuzz::{TARGETS, Target};
use mutation::Mutator;
use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// Mutations of a target's corpus, unless somebody wants more.
const RUNS: usize = 3000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The kept bytes of a target, by the names of their files.
fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = root().join("corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let seed = |file: fs::DirEntry| {
        (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())
    };
    files.map(|file| seed(file.unwrap())).collect()
}

/// Runs a target; what it fails on is shown as a Rust byte string.
fn run(target: Target, what: &str, data: &[u8]) {
    let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(data)));
    assert!(ran.is_ok(), "{} fails on {what}: b\"{}\"", target.name, data.escape_ascii());
}

fn fuzz(name: &str) {
    let target = TARGETS.into_iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(name);
    assert!(corpus.len() > 5, "{name}");
    run(target, "nothing", b"");
    for (file, data) in &corpus {
        run(target, file, data);
    }
    let runs = std::env::var("FRAMEDB_FUZZ_RUNS").ok();
    let runs = runs.map_or(RUNS, |runs| runs.parse().expect("FRAMEDB_FUZZ_RUNS is a number"));
    let mut mutator = Mutator::new(name, corpus.into_values().collect());
    for n in 0..runs {
        run(target, &format!("mutation {n}"), &mutator.next());
    }
}

#[test]
fn requests_over_http_are_read_or_refused() {
    fuzz("http-door");
}

#[test]
fn messages_of_grpc_are_read_or_refused() {
    fuzz("grpc-door");
}

#[test]
fn configurations_are_read_or_refused() {
    fuzz("configuration");
}

#[test]
fn statements_of_sql_are_decided() {
    fuzz("sql-guard");
}

#[test]
fn commands_of_redis_are_decided() {
    fuzz("redis-guard");
}

#[test]
fn requests_of_plugins_are_decided() {
    fuzz("http-guard");
}

#[test]
fn answers_of_redis_are_followed() {
    fuzz("redis-answers");
}

#[test]
fn records_are_read_as_they_were_written() {
    fuzz("records");
}

#[test]
fn sequences_of_calls_are_decided() {
    fuzz("host-calls");
}

#[test]
fn every_target_has_a_fuzzer_a_corpus_and_a_test() {
    let names = |folder: &str| {
        let files = fs::read_dir(root().join(folder)).unwrap();
        let name = |file: fs::DirEntry| {
            file.file_name().into_string().unwrap().trim_end_matches(".rs").to_owned()
        };
        let mut names: Vec<_> = files.map(|file| name(file.unwrap())).collect();
        names.sort_unstable();
        names
    };
    let mut targets = TARGETS.map(|target| target.name.to_owned()).to_vec();
    targets.sort_unstable();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
    let (this, fuzzers) = (include_str!("main.rs"), fs::read_to_string(root().join("Cargo.toml")));
    let fuzzers = fuzzers.unwrap();
    for name in targets {
        assert!(this.contains(&format!("fuzz(\"{name}\");")), "no test runs {name}");
        assert!(fuzzers.contains(&format!("name = \"{name}\"")), "{name} is not built");
    }
}
