//! The worker with plugins composed in.

use framedb_core::Stage;
use framedb_tests::{Answer, SpinBuild, TestSpin, component_path, fixture_path, within};

/// The worker with the plugins that a node has without configuration, and Spin's key-value store.
pub(crate) fn worker() -> SpinBuild {
    bare()
        .stage(Stage::Ingest, "ingest-inspect")
        .stage(Stage::Resolve, "resolve-rules")
        .stage(Stage::Serialize, "serialize-raw")
}

/// The worker with a fixture in all three stages.
pub(crate) fn misbehaving() -> SpinBuild {
    let file = fixture_path("misbehave");
    [Stage::Ingest, Stage::Resolve, Stage::Serialize]
        .into_iter()
        .fold(bare(), |build, stage| build.stage_file(stage, &file))
}

/// The worker without plugins, and Spin's key-value store.
pub(crate) fn bare() -> SpinBuild {
    TestSpin::build(&component_path("edge-worker")).store("default")
}

/// What a request without headers is answered.
pub(crate) async fn call(spin: &TestSpin, line: &str) -> Answer {
    within(line, spin.http().call(line)).await
}

/// What a request with headers and a body is answered.
pub(crate) async fn send(
    spin: &TestSpin,
    line: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> Answer {
    within(line, spin.http().send(line, headers, body)).await
}
