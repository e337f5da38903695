//! The commands while no node runs: they open the data directory themselves, and say so.

use crate::ended;
use framedb_tests::Operator;

const ITSELF: &str = "no node is running; opened ";

#[test]
fn a_directory_is_opened_where_no_node_runs() {
    let operator = Operator::new("");
    let elsewhere = operator.run_with("put - --key k --to disk", "hello");
    assert_eq!((elsewhere.code, &*elsewhere.stdout), (Some(1), ""), "{elsewhere:?}");
    assert!(elsewhere.stderr.contains("there is no data directory"), "{}", elsewhere.stderr);
    assert!(!operator.data_dir().exists(), "only a node makes it");
    std::fs::create_dir(operator.data_dir()).unwrap();
    let said = format!("{ITSELF}{} itself\n", operator.data_dir().display());
    let put = operator.run_with("put - --key k --to disk", "hello");
    ended(&put, 0, "stored k in disk (storage), 5 B, on the disk\n", &said);
    ended(&operator.run("get k"), 0, "hello", &said);
    ended(&operator.run("ls"), 0, "k\n", &said);
    let node = operator.serve();
    assert_eq!(
        operator.run("get k").stderr,
        format!("via the running node (pid {})\n", node.pid())
    );
    drop(node);
    let removed = operator.run("rm k");
    ended(&removed, 0, "", &format!("{said}removed k\n"));
    ended(&operator.run("ls"), 0, "", &said);
}

#[test]
fn queues_on_disk_are_used_without_a_node() {
    let operator = Operator::new("");
    std::fs::create_dir(operator.data_dir()).unwrap();
    for element in ["first", "second"] {
        let put = operator.run_with("put - --key q --type stream --to disk", element);
        assert_eq!(put.code, Some(0), "{put:?}");
    }
    assert_eq!(operator.run("pop q").stdout, "first");
    assert_eq!(operator.run("pop q").stdout, "second");
    assert_eq!(operator.run("pop q").code, Some(1));
}

#[test]
fn an_object_that_would_vanish_with_the_command_is_refused() {
    let operator = Operator::new("");
    let put = operator.run_with("put - --key k --to memory", "hello");
    assert_eq!((put.code, &*put.stdout), (Some(1), ""), "{put:?}");
    assert!(put.stderr.contains("the object would vanish with this command"), "{}", put.stderr);
    assert!(put.stderr.contains("framedb serve"), "{}", put.stderr);
}

#[test]
fn a_node_that_was_killed_does_not_lead_commands_astray() {
    let operator = Operator::new("");
    let mut node = operator.serve();
    assert_eq!(operator.run_with("put - --key k --to disk", "hello").code, Some(0));
    node.kill();
    // Its file is still there, and nobody listens where it says.
    let said = format!("{ITSELF}{} itself\n", operator.data_dir().display());
    ended(&operator.run("get k"), 0, "hello", &said);
}
