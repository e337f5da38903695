//! `framedb dlq` and `framedb pipelines`: objects that could not be stored, and pipelines that
//! take no more.

use framedb_tests::{Operator, component_path, fixture_path};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

/// A node whose only plugin does what objects tell it.
fn operator(policy: &str) -> Operator {
    Operator::new(&format!(
        "[plugins.misbehave]\ncomponent = {:?}\n[pipelines.default]\ningest = [\"misbehave\"]\n\
         serialize = \"misbehave\"\n[pipelines.default.policy]\n{policy}\n",
        fixture_path("misbehave")
    ))
}

/// Sends an object that makes its plugin trap, and returns the id of its dead letter.
fn trap(operator: &Operator, key: &str) -> String {
    let put = operator.run_with(&format!("put - --key {key} --meta ingest=trap"), "hello");
    assert_eq!(put.code, Some(1), "{put:?}");
    let (_, id) = put.stderr.split_once("(dead letter ").unwrap_or_else(|| panic!("{put:?}"));
    id.split(')').next().unwrap().to_owned()
}

#[test]
fn dead_letters_are_listed_shown_and_exported() {
    let operator = operator("");
    let node = operator.serve();
    let via = format!("via the running node (pid {})\n", node.pid());
    let (first, second) = (trap(&operator, "a"), trap(&operator, "b"));
    let listed = operator.run("dlq ls");
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let lines: Vec<_> = listed.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", listed.stdout);
    for (line, (id, key)) in lines.iter().zip([(&first, "a"), (&second, "b")]) {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!((words[0], words[2], words[3]), (&**id, "5", "B"), "{line}");
        assert_eq!(words[4..], ["trap", "default:", "ingest/misbehave", "1x", key], "{line}");
    }
    assert!(listed.stderr.starts_with(&format!("{via}2 dead letters, ")), "{}", listed.stderr);
    assert_eq!(operator.run("dlq ls --pipeline other").stdout, "");

    let shown = operator.run(&format!("dlq show {}", &first[..8]));
    assert_eq!((shown.code, &*shown.stderr), (Some(0), &*via));
    for line in ["key           a", "stage         ingest", "class         trap", "attempts      1"]
    {
        assert!(shown.stdout.lines().any(|shown| shown == line), "{line}:\n{}", shown.stdout);
    }
    for part in ["told to trap", "digest        sha256:", "backtrace     ", "misbehave::failures"] {
        assert!(shown.stdout.contains(part), "{part}:\n{}", shown.stdout);
    }

    let exported = operator.run(&format!("dlq export {first}"));
    assert_eq!((exported.code, &*exported.stdout), (Some(0), ""), "{exported:?}");
    assert_eq!(operator.read(&format!("{first}.bin")), "hello");
    for end in ["bin", "json"] {
        let file = operator.path(&format!("{first}.{end}")).metadata().unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{end}");
    }
    let record: Value = serde_json::from_str(&operator.read(&format!("{first}.json"))).unwrap();
    assert_eq!((&record["object"]["key"], &record["class"]), (&"a".into(), &"trap".into()));

    let missing = operator.run("dlq show 00000000");
    let error = format!(
        "{via}error: there is no dead letter 00000000\n\
         hint: `framedb dlq ls` shows those that there are\n"
    );
    super::ended(&missing, 1, "", &error);
    let short = operator.run("dlq show 961");
    let error = format!(
        "{via}error: `961` is too short for the start of an id\n\
         hint: give at least 4 characters of it\n"
    );
    super::ended(&short, 1, "", &error);
}

#[test]
fn a_replay_through_a_fixed_plugin_stores_what_an_unchanged_one_does_not() {
    let operator = operator("");
    let node = operator.serve();
    let via = format!("via the running node (pid {})\n", node.pid());
    let id = trap(&operator, "a");
    let again = operator.run(&format!("dlq replay {id}"));
    assert_eq!((again.code, &*again.stdout), (Some(1), ""), "{again:?}");
    assert!(again.stderr.contains("told to trap"), "{}", again.stderr);
    assert!(again.stderr.contains("1 of 1 dead letters could not be stored"), "{}", again.stderr);
    assert!(operator.run("dlq ls").stdout.contains("2x"));
    let fixed = component_path("pass-through");
    let stored = operator.run(&format!("dlq replay --all --plugin {}", fixed.display()));
    super::ended(&stored, 0, "stored a in disk (storage), 5 B, on the disk\n", &via);
    assert_eq!(operator.run("get a").stdout, "hello");
    assert_eq!(operator.run("dlq ls").stdout, "");
    for nothing in ["dlq replay --all", "dlq drop --all"] {
        super::ended(
            &operator.run(nothing),
            0,
            "",
            &format!("{via}there are no such dead letters\n"),
        );
    }
}

#[test]
fn dead_letters_outlive_a_killed_node_and_are_used_without_one() {
    let operator = operator("");
    let mut node = operator.serve();
    let (first, second) = (trap(&operator, "a"), trap(&operator, "b"));
    node.kill();
    let said = format!("no node is running; opened {} itself\n", operator.data_dir().display());
    let listed = operator.run("dlq ls");
    assert!(listed.stdout.contains(&first) && listed.stdout.contains(&second), "{listed:?}");
    assert!(listed.stderr.starts_with(&said), "{}", listed.stderr);
    let asked = operator.run(&format!("dlq drop {first}"));
    assert_eq!(asked.code, Some(2), "nobody was asked: {asked:?}");
    let dropped = operator.run(&format!("dlq drop {first} --yes"));
    super::ended(&dropped, 0, "", &format!("{said}dropped {first}\n"));
    let fixed = component_path("pass-through");
    let stored = operator.run(&format!("dlq replay {second} --plugin {}", fixed.display()));
    super::ended(&stored, 0, "stored b in disk (storage), 5 B, on the disk\n", &said);
    let _node = operator.serve();
    assert_eq!(operator.run("get b").stdout, "hello");
    assert_eq!(operator.run("dlq ls").stdout, "");
}

#[test]
fn an_object_for_the_memory_is_not_taken_out_of_the_queue_where_no_node_runs() {
    let operator = operator("");
    let mut node = operator.serve();
    let put = operator.run_with("put - --key m --to memory --meta ingest=trap", "hello");
    assert_eq!(put.code, Some(1), "{put:?}");
    node.kill();
    let fixed = component_path("pass-through");
    let replayed = operator.run(&format!("dlq replay --all --plugin {}", fixed.display()));
    assert_eq!(replayed.code, Some(1), "{replayed:?}");
    assert!(operator.run("dlq ls").stdout.contains(" m\n"), "it is still there");
    // Nor does it lose what the plugin failed with, so that it can be replayed by a node.
    let id = operator.run("dlq ls").stdout.chars().take_while(|c| c.is_ascii_hexdigit()).collect();
    let id: String = id;
    assert_eq!(operator.run(&format!("dlq replay {id}")).code, Some(1));
    let shown = operator.run(&format!("dlq show {id}")).stdout;
    assert!(shown.contains("told to trap") && shown.contains("sha256:"), "{shown}");
    let _node = operator.serve();
    let stored = operator.run(&format!("dlq replay {id} --plugin {}", fixed.display()));
    assert_eq!(stored.code, Some(0), "{stored:?}");
}

#[test]
fn a_halted_pipeline_is_shown_and_resumed() {
    let operator = operator("trap = \"halt\"");
    let node = operator.serve();
    let via = format!("via the running node (pid {})\n", node.pid());
    assert_eq!(operator.run("pipelines ls").stdout, "default           takes objects\n");
    let put = operator.run_with("put - --key a --meta ingest=trap", "hello");
    assert_eq!(put.code, Some(1), "{put:?}");
    let refused = operator.run_with("put - --key b", "hello");
    assert!(refused.stderr.contains("the pipeline `default` is halted"), "{}", refused.stderr);
    let shown = operator.run("pipelines ls").stdout;
    assert!(shown.starts_with("default           halted: "), "{shown}");
    super::ended(
        &operator.run("pipelines resume default"),
        0,
        "",
        &format!("{via}resumed default\n"),
    );
    let again = format!("{via}default was not halted\n");
    super::ended(&operator.run("pipelines resume default"), 0, "", &again);
    assert_eq!(operator.run_with("put - --key b", "hello").code, Some(0));
    let unknown = operator.run("pipelines resume other");
    assert!(unknown.stderr.contains("there is no pipeline \"other\""), "{}", unknown.stderr);
    drop(node);
    let alone = operator.run("pipelines resume default");
    let error = "error: no node is running, so that no pipeline is halted\n";
    super::ended(&alone, 1, "", error);
}
