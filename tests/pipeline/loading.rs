//! Components that a node cannot run: each is refused with what an operator needs to know.

use framedb_host::{Error, ErrorKind};
use framedb_tests::{Build, Describe, TestNode, arrival, attribute, fixture_path, stored};
use std::{fmt::Write as _, fs};

/// The error that a node does not start with.
async fn refused(build: Build) -> Error {
    match build.try_start().await {
        Ok(_) => panic!("the node started"),
        Err(error) => error,
    }
}

/// An error with everything an operator reads of it.
fn whole(error: &Error) -> String {
    let mut text = error.chain();
    if let Some(hint) = error.hint() {
        let _ = write!(text, "\n{hint}");
    }
    text
}

#[track_caller]
fn says(error: &Error, kind: ErrorKind, parts: &[&str]) {
    let text = whole(error);
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[tokio::test]
async fn a_text_file_is_not_a_component() {
    let build = TestNode::build().plugin("mine", "#!/bin/sh\necho hello\n", |_| {});
    let error = refused(build.serializer("mine")).await;
    let parts = ["`mine` is not a WebAssembly component", "--target wasm32-wasip2"];
    says(&error, ErrorKind::Plugin, &parts);
}

#[tokio::test]
async fn an_empty_file_is_not_a_component() {
    let error = refused(TestNode::build().plugin("mine", "", |_| {}).serializer("mine")).await;
    says(&error, ErrorKind::Plugin, &["`mine` is not a WebAssembly component"]);
}

#[tokio::test]
async fn a_core_module_is_told_from_a_component() {
    let build = TestNode::build().plugin("mine", &b"\0asm\x01\0\0\0"[..], |_| {});
    let error = refused(build.serializer("mine")).await;
    let parts = ["`mine` is a core WebAssembly module, not a component", "wasm32-wasip2"];
    says(&error, ErrorKind::Plugin, &parts);
}

#[tokio::test]
async fn a_component_that_was_cut_off_is_not_valid() {
    let whole = framedb_tests::fixture("reverse-v1");
    let build = TestNode::build().plugin("mine", whole.slice(..whole.len() / 2), |_| {});
    let error = refused(build.serializer("mine")).await;
    says(&error, ErrorKind::Plugin, &["`mine` is not a valid WebAssembly component: "]);
}

#[tokio::test]
async fn a_component_of_another_world_is_told_what_it_lacks_and_has() {
    let build = TestNode::build().fixture("wrong-world", |_| {});
    let error = refused(build.serializer("wrong-world")).await;
    let parts = [
        "plugin `wrong-world` exports no stage",
        "`framedb:edge/ingest@0.1.0`",
        "`framedb:edge/serialize@0.1.0`",
        "it exports demo:other/thing",
        "serialize-plugin",
    ];
    says(&error, ErrorKind::Plugin, &parts);
}

#[tokio::test]
async fn every_missing_import_is_named() {
    let build = TestNode::build().fixture("wants-missing", |_| {});
    let error = refused(build.serializer("wants-missing")).await;
    let parts = [
        "plugin `wants-missing` imports `demo:missing/thing`, which this node does not offer",
        "a plugin may import",
        "wasi:config/store@0.2.0-draft-2024-09-27",
    ];
    says(&error, ErrorKind::Plugin, &parts);
    let build = TestNode::build().fixture("wants-sockets", |_| {});
    let text = whole(&refused(build.serializer("wants-sockets")).await);
    // All the interfaces of a connection, not the first one alone.
    for interface in ["wasi:sockets/tcp@0.2", "wasi:sockets/network@0.2"] {
        assert!(text.contains(&format!("`{interface}")), "{interface}: {text}");
    }
    assert!(!text.contains("`wasi:cli/"), "{text}");
}

#[tokio::test]
async fn another_version_of_the_contract_is_named_with_the_one_the_node_speaks() {
    let build = TestNode::build().fixture("other-version", |_| {});
    let error = refused(build.serializer("other-version")).await;
    let parts = [
        "plugin `other-version` exports `framedb:edge/serialize@0.2.0`",
        "this node speaks version 0.1.0",
    ];
    says(&error, ErrorKind::Plugin, &parts);
}

#[tokio::test]
async fn a_plugin_without_a_setting_it_needs_is_refused_by_its_own_words() {
    let with = |settings: &[(&str, serde_json::Value)]| {
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        TestNode::build()
            .fixture("bad-settings", |plugin| plugin.settings.extend(settings))
            .pipeline("default", |pipeline| pipeline.ingest = vec!["bad-settings".into()])
    };
    let error = refused(with(&[])).await;
    let parts = [
        "plugin `bad-settings` cannot be used: set `strict_level`: it has no default",
        "[plugins.bad-settings.settings]",
    ];
    says(&error, ErrorKind::Config, &parts);
    let error = refused(with(&[("strict_level", "high".into())])).await;
    says(
        &error,
        ErrorKind::Config,
        &["plugin `bad-settings` cannot be used", "`strict_level`", "high"],
    );
    let node = with(&[("strict_level", 7.into())]).start().await;
    let receipt = stored(node.ingest(arrival("a")).await);
    assert_eq!(attribute(&receipt, "level"), Some(framedb_core::Value::Integer(7)));
}

#[tokio::test]
async fn settings_reach_a_plugin_and_absent_ones_do_not() {
    for (settings, expected) in [(None, "(absent)"), (Some("a value"), "a value")] {
        let node = framedb_tests::misbehaving()
            .configure("misbehave", |plugin| {
                let value = settings.map(|text| ("misbehave_value".to_owned(), text.into()));
                plugin.settings.extend(value);
            })
            .start()
            .await;
        let receipt = stored(node.ingest(arrival("a").order("ingest", "setting")).await);
        let expected = framedb_core::Value::Text(expected.into());
        assert_eq!(attribute(&receipt, "setting"), Some(expected));
    }
}

#[tokio::test]
async fn a_plugin_that_does_not_export_its_stage_is_refused() {
    let build = TestNode::build()
        .fixture("reverse-v1", |_| {})
        .pipeline("default", |pipeline| pipeline.resolve = Some("reverse-v1".into()));
    let error = refused(build).await;
    let parts =
        ["pipelines.default.resolve names the plugin `reverse-v1`, which exports serialize only"];
    says(&error, ErrorKind::Config, &parts);
}

#[tokio::test]
async fn a_component_file_that_is_not_there_is_named() {
    let build = TestNode::build()
        .config(|config| {
            let plugin = config.plugins.entry("mine".into()).or_default();
            plugin.component = Some("no/such/file.wasm".into());
        })
        .serializer("mine");
    let error = refused(build).await;
    says(
        &error,
        ErrorKind::Config,
        &["plugins.mine.component", "there is no file no/such/file.wasm"],
    );
}

#[tokio::test]
async fn a_component_is_loaded_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.wasm");
    fs::copy(fixture_path("reverse-v1"), &file).unwrap();
    let node = TestNode::build()
        .config(|config| {
            config.plugins.entry("mine".into()).or_default().component = Some(file);
        })
        .serializer("mine")
        .start()
        .await;
    let receipt = stored(node.ingest(arrival("a").to("memory")).await);
    assert_eq!(receipt.codec.unwrap().to_string(), "reverse/1");
}

#[tokio::test]
async fn a_data_directory_in_use_is_named() {
    let node = TestNode::build().start().await;
    let data = node.data_dir().to_owned();
    let error = framedb_host::Worker::builder()
        .config(node.node().config.clone())
        .data_dir(&data)
        .build()
        .await
        .expect_err("the directory belongs to one node");
    let parts = [data.to_str().unwrap(), "in use"];
    says(&error, ErrorKind::Conflict, &parts);
}
