//! `framedb plugin`: what a component is, whether a node can run it, and what it asks for.

use framedb_tests::{Operator, fixture_path};

#[test]
fn a_built_in_plugin_is_shown_with_its_stages_formats_and_imports() {
    let shown = Operator::new("").run("plugin inspect serialize-lz4");
    assert_eq!((shown.code, &*shown.stderr), (Some(0), "this node can run it\n"));
    for line in [
        "component  serialize-lz4",
        "stage      serialize: lz4 0.1.0",
        "writes     lz4/1",
        "reads      lz4/1",
        "import     wasi:config/store@0.2.0-draft-2024-09-27",
        "export     framedb:edge/serialize@0.1.0",
    ] {
        assert!(
            shown.stdout.lines().any(|shown| shown == line),
            "`{line}` is not in:\n{}",
            shown.stdout
        );
    }
    assert!(shown.stdout.contains("digest     sha256:"));
}

#[test]
fn a_component_of_every_stage_says_so() {
    let shown =
        Operator::new("").run(&format!("plugin inspect {}", fixture_path("misbehave").display()));
    for stage in ["ingest", "resolve", "serialize"] {
        assert!(shown.stdout.contains(&format!("{stage}: misbehave ")), "{}", shown.stdout);
    }
}

#[test]
fn what_a_node_cannot_run_fails_with_the_reason() {
    let operator = Operator::new("");
    for (fixture, parts) in [
        (
            "wants-missing",
            &[
                "imports `demo:missing/thing`, which this node does not offer",
                "hint: a plugin may import wasi:cli",
            ][..],
        ),
        ("wants-sockets", &["`wasi:sockets/tcp@0.2", "which this node does not offer"]),
        ("wrong-world", &["exports no stage", "it exports demo:other/thing"]),
        ("other-version", &["exports `framedb:edge/serialize@0.2.0`", "speaks version 0.1.0"]),
    ] {
        let shown = operator.run(&format!("plugin inspect {}", fixture_path(fixture).display()));
        assert_eq!(shown.code, Some(1), "{fixture}: {shown:?}");
        for part in parts {
            assert!(shown.stderr.contains(part), "`{part}` is not in:\n{}", shown.stderr);
        }
    }
    let shown =
        operator.run(&format!("plugin inspect {}", fixture_path("wants-missing").display()));
    assert!(shown.stdout.contains("demo:missing/thing   NOT OFFERED"), "{}", shown.stdout);
}

#[test]
fn what_is_no_component_is_told_from_one() {
    let operator = Operator::new("");
    operator.write("text.wasm", "hello");
    operator.write("core.wasm", b"\0asm\x01\0\0\0");
    for (file, message) in [
        ("text.wasm", "is not a WebAssembly component"),
        ("core.wasm", "is a core WebAssembly module, not a component"),
        ("none.wasm", "none.wasm"),
    ] {
        let shown = operator.run(&format!("plugin inspect {file}"));
        assert_eq!((shown.code, &*shown.stdout), (Some(1), ""), "{shown:?}");
        assert!(shown.stderr.contains(message), "{}", shown.stderr);
    }
}

#[test]
fn what_a_component_asks_for_is_printed_as_configuration() {
    let operator = Operator::new("");
    let shown = operator.run("plugin inspect ingest-dedup");
    assert!(shown.stdout.contains("   to be granted: key-value\n"), "{}", shown.stdout);
    let asked = operator.run("plugin grants ingest-dedup");
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert_eq!(asked.stderr, "fill in what is written as … and add it to the configuration\n");
    let header = "[plugins.ingest-dedup.grants.key-value.default]\n# wasi:keyvalue/";
    assert!(asked.stdout.starts_with(header), "{}", asked.stdout);
    assert!(asked.stdout.ends_with("\nmax-bytes = \"64 MiB\"\n"), "{}", asked.stdout);
    // What was printed is a configuration with which nothing is missing.
    operator.write("granted.toml", asked.stdout);
    let granted = operator.run("plugin grants ingest-dedup --config granted.toml");
    let said = "granted    key-value.default\neverything that it asks for is granted\n";
    assert_eq!((granted.code, &*granted.stdout, &*granted.stderr), (Some(0), "", said));
    operator.write(
        "other.toml",
        "[plugins.seen]\n[plugins.seen.grants]\nrouting = true\n[plugins.seen.grants.redis.hot]\n\
         url = 'redis://:secret@h'\n",
    );
    let other = operator.run("plugin grants ingest-dedup --name seen --config other.toml");
    assert!(other.stdout.contains("[plugins.seen.grants.key-value.default]"), "{}", other.stdout);
    for line in ["not asked  redis.hot: ", "not asked  routing: "] {
        assert!(other.stderr.contains(line), "{}", other.stderr);
    }
    assert!(!other.stderr.contains("secret"), "{}", other.stderr);
    let several = fixture_path("uses-framedb");
    let several = operator.run(&format!("plugin grants --name uses {}", several.display()));
    operator.write("several.toml", several.stdout);
    let file = fixture_path("uses-framedb");
    let read = operator
        .run(&format!("plugin grants --name uses {} --config several.toml", file.display()));
    assert_eq!((read.code, &*read.stdout), (Some(0), ""), "{read:?}");
    operator.write("named.toml", format!("[plugins.mine]\ncomponent = {file:?}\n"));
    let named = operator.run("plugin grants mine --config named.toml");
    assert_eq!(named.code, Some(0), "{named:?}");
    assert!(named.stdout.contains("[plugins.mine.grants"), "{named:?}");
    assert!(named.stderr.ends_with("are missing in the configuration\n"), "{named:?}");
    let http = operator.run("plugin grants resolve-grpc");
    let header = "[plugins.resolve-grpc.grants.http.LABEL]\n# wasi:http/client@0.3.0\n";
    assert!(http.stdout.starts_with(header), "{}", http.stdout);
    assert!(http.stdout.ends_with("\nhost = \"…\"\n"), "{}", http.stdout);
    assert!(http.stderr.starts_with("LABEL is a name of your choice"), "{}", http.stderr);
    let nothing = operator.run("plugin grants serialize-lz4");
    let said = "it asks for nothing that has to be granted\n";
    assert_eq!((nothing.code, &*nothing.stdout, &*nothing.stderr), (Some(0), "", said));
}
