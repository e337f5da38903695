//! Help, and what is misused.

use framedb_tests::Operator;

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let help = Operator::new("").run("--help");
    assert_eq!((help.code, &*help.stderr), (Some(0), ""));
    for part in [
        "Exit codes: 0 done, 1 failed, 2 misused.",
        "Usage: framedb <COMMAND>",
        "  serve      Run a node until it is told to stop",
        "  put        Store a file as an object, or push it into a queue",
        "  get        Read an object as it was sent",
        "  ls         List objects and queues by key",
        "  rm         Remove objects, and queues with all their elements",
        "  pop        Take the oldest element out of a queue",
        "  instances  Show the instances of the node and whether they can be used",
        "  check      Check a configuration and say what would run",
        "  plugin     Look at plugins",
        "  pipelines  Look after pipelines that were halted",
        "  dlq        Look after objects that could not be stored",
        "  compose    Compose plugins into a worker, or several ingest plugins into one",
        "  export     Write a node's configuration for another platform",
        "  spin       Serve applications of Spin with this node's runtime",
        "  bench      Measure what the node costs on this machine",
    ] {
        assert!(help.stdout.contains(part), "`{part}` is not in:\n{}", help.stdout);
    }
}

#[test]
fn every_command_has_help_of_its_own() {
    let operator = Operator::new("");
    for command in [
        "serve",
        "put",
        "get",
        "ls",
        "rm",
        "pop",
        "instances",
        "check",
        "plugin inspect",
        "plugin grants",
        "pipelines ls",
        "pipelines resume",
        "dlq ls",
        "dlq show",
        "dlq export",
        "dlq replay",
        "dlq drop",
        "compose",
        "export spin",
        "spin up",
        "bench pipeline",
        "bench engine",
        "bench spin",
    ] {
        let help = operator.run(&format!("{command} --help"));
        assert_eq!((help.code, &*help.stderr), (Some(0), ""), "{command}");
        let usage = format!("Usage: framedb {command}");
        assert!(help.stdout.contains(&usage), "{}", help.stdout);
    }
}

#[test]
fn the_version_is_one_line() {
    let version = Operator::new("").run("--version");
    super::ended(&version, 0, concat!("framedb ", env!("CARGO_PKG_VERSION"), "\n"), "");
}

#[test]
fn what_is_misused_ends_with_2_and_nothing_on_the_standard_output() {
    let operator = Operator::new("");
    operator.write("file", "x");
    for (line, message) in [
        ("", "Usage: framedb <COMMAND>"),
        ("bogus", "unrecognized subcommand 'bogus'"),
        ("put", "<FILE>"),
        ("put file --type queue", "unknown kind \"queue\": one of in-memory, storage, stream"),
        ("rm", "<KEY>"),
        ("get", "<KEY>"),
        (
            "serve --grpc nowhere",
            "\"nowhere\" is not an address: write it as 127.0.0.1:8080, or `off`",
        ),
        ("serve --nonsense", "unexpected argument '--nonsense'"),
    ] {
        let finished = operator.run(line);
        assert_eq!((finished.code, &*finished.stdout), (Some(2), ""), "{line}: {finished:?}");
        assert!(finished.stderr.contains(message), "{line}: {}", finished.stderr);
    }
}
