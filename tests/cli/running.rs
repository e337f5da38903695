//! The commands against a running node.

use crate::ended;
use framedb_tests::{NodeProcess, Operator};

/// What every command says first.
fn via(node: &NodeProcess) -> String {
    format!("via the running node (pid {})\n", node.pid())
}

#[test]
fn an_object_is_put_read_listed_and_removed() {
    let operator = Operator::new("");
    let node = operator.serve();
    operator.write("frame.txt", "hello");
    let put = operator.run("put frame.txt --to memory --key cam-1/frame-1 --meta source=cam-1");
    ended(&put, 0, "stored cam-1/frame-1 in memory (in-memory), 5 B\n", &via(&node));
    let put = operator.run("put frame.txt");
    ended(&put, 0, "stored frame.txt in disk (storage), 5 B, on the disk\n", &via(&node));
    ended(&operator.run("get cam-1/frame-1"), 0, "hello", &via(&node));
    let wrote = format!("{}wrote 5 B to out.txt\n", via(&node));
    ended(&operator.run("get frame.txt -o out.txt"), 0, "", &wrote);
    assert_eq!(operator.read("out.txt"), "hello");
    ended(&operator.run("ls"), 0, "cam-1/frame-1\nframe.txt\n", &via(&node));
    ended(&operator.run("ls cam"), 0, "cam-1/frame-1\n", &via(&node));
    ended(&operator.run("ls --type storage"), 0, "frame.txt\n", &via(&node));
    let listed = operator.run("ls --json --instance memory").stdout;
    let line: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&line["key"], &line["metadata"]),
        (&"cam-1/frame-1".into(), &r#"{"source":"cam-1"}"#.into())
    );
    let removed = format!("{}removed frame.txt\n", via(&node));
    ended(&operator.run("rm frame.txt"), 0, "", &removed);
    let gone = format!("{}error: there is no object `frame.txt`\n", via(&node));
    ended(&operator.run("get frame.txt"), 1, "", &gone);
}

#[test]
fn the_standard_input_is_an_object_too() {
    let operator = Operator::new("");
    let _node = operator.serve();
    let put = operator.run_with("put - --key k --content-type text/x-mine", "from a pipe");
    assert_eq!(put.code, Some(0), "{put:?}");
    assert_eq!(operator.run("get k").stdout, "from a pipe");
    assert!(operator.run("ls --long").stdout.contains("text/x-mine"));
}

#[test]
fn metadata_pairs_make_one_json_object() {
    let operator = Operator::new("");
    let _node = operator.serve();
    let put = operator.run_with("put - --key k --meta a=1 --meta b=x=y", "x");
    assert_eq!(put.code, Some(0), "{put:?}");
    let listed = operator.run("ls --json").stdout;
    let line: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(line["metadata"], r#"{"a":"1","b":"x=y"}"#);
}

#[test]
fn elements_are_pushed_and_popped_and_an_empty_queue_is_a_failure() {
    let operator = Operator::new("");
    let node = operator.serve();
    for element in ["first", "second", "third"] {
        let put = operator.run_with("put - --key q --type stream", element);
        assert_eq!(put.code, Some(0), "{put:?}");
    }
    ended(&operator.run("pop q"), 0, "first", &via(&node));
    let refused = operator.run("get q");
    assert_eq!((refused.code, &*refused.stdout), (Some(1), ""));
    let message = "error: `q` is a queue, which is not read by key\nhint: take its oldest element with `framedb pop`\n";
    assert_eq!(refused.stderr, via(&node) + message);
    ended(
        &operator.run("pop q -o out.txt"),
        0,
        "",
        &format!("{}wrote 6 B to out.txt\n", via(&node)),
    );
    assert_eq!(operator.read("out.txt"), "second");
    ended(&operator.run("pop q"), 0, "third", &via(&node));
    let empty = format!("{}error: the queue `q` is empty\n", via(&node));
    ended(&operator.run("pop q"), 1, "", &empty);
}

#[test]
fn refusals_of_the_node_are_errors_of_the_command() {
    let operator = Operator::new("");
    let node = operator.serve();
    for (line, message) in [
        (
            "put - --key a --to nowhere",
            "FrameDB instance not found: no instance `nowhere` among `disk`, `memory`",
        ),
        (
            "put - --key a#b",
            "the key holds `#`: clients paste keys into URLs, where it ends the path",
        ),
        (
            "put - --key a --content-type image/png",
            "plugin `ingest-inspect` refused the object in ingest: declared as image/png, but the content is text/plain: declare what it is, or nothing",
        ),
    ] {
        let finished = operator.run_with(line, "some text");
        assert_eq!((finished.code, &*finished.stdout), (Some(1), ""), "{finished:?}");
        assert_eq!(finished.stderr, format!("{}error: {message}\n", via(&node)));
    }
    let missing = operator.run("put nofile");
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.starts_with("error: cannot read nofile\n"), "{}", missing.stderr);
}

#[test]
fn instances_are_shown_with_their_health() {
    let operator = Operator::new("");
    let node = operator.serve();
    let shown = operator.run("instances");
    let registry =
        format!("registry: embedded, on disk at {}, healthy\n", operator.data_dir().display());
    assert_eq!((shown.code, shown.stderr), (Some(0), via(&node) + &registry));
    let lines: Vec<Vec<&str>> =
        shown.stdout.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..4], ["disk", "storage,", "stream", "healthy"]);
    assert_eq!(lines[1][..4], ["memory", "in-memory,", "stream", "healthy"]);
    let json: serde_json::Value =
        serde_json::from_str(&operator.run("instances --json").stdout).unwrap();
    assert!(json.to_string().contains("\"disk\""), "{json}");
}
