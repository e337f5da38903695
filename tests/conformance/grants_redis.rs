//! What the table of Redis commands says, held against what a real server says of itself.

use crate::server::RedisServer;
use framedb_host::grants::redis::{Class, Command, commands, keys_of};
use std::collections::BTreeSet;

/// The texts of a flat reply.
fn texts(reply: &str) -> Vec<String> {
    let mut lines = reply.split("\r\n");
    let mut texts = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with('$') {
            texts.extend(lines.next().map(str::to_owned));
        }
    }
    texts
}

/// Flags and categories of a command, if the server has it.
fn said(server: &RedisServer, command: &Command) -> Option<BTreeSet<String>> {
    let reply = server.command(&["COMMAND", "INFO", &command.name.replace(' ', "|")]);
    let flags: BTreeSet<_> =
        reply.split("\r\n").filter_map(|line| line.strip_prefix('+')).map(str::to_owned).collect();
    (!flags.is_empty()).then_some(flags)
}

#[test]
fn every_command_of_the_server_is_known_as_what_it_is() {
    let server = RedisServer::start();
    let mut checked = 0;
    for command in commands() {
        let Some(said) = said(&server, command) else { continue };
        checked += 1;
        let (name, class) = (command.name, command.class);
        let is = |flag: &str| said.contains(flag);
        let by_class = matches!(class, Class::Read | Class::Write | Class::Publish);
        for flag in ["@admin", "@scripting", "@connection", "@transaction", "admin"] {
            assert!(!is(flag) || !by_class, "{name} is {flag}, and in a class");
        }
        // The two that block only if they are told to are looked into.
        let tells = matches!(name, "xread" | "xreadgroup");
        assert!(!is("blocking") || class == Class::Blocking || tells, "{name} blocks");
        assert!(!is("@dangerous") || !by_class || matches!(name, "sort" | "sort_ro"), "{name}");
        if class == Class::Read {
            assert!(!is("write"), "{name} writes");
        }
        if matches!(class, Class::Read | Class::Write) {
            assert!(is("readonly") || is("write"), "{name} neither reads nor writes");
        }
    }
    assert!(checked > 200, "{checked}");
    let known = |name: &str| {
        let is = |command: &Command| {
            let rest = command.name.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        commands().iter().any(is)
    };
    let listed = texts(&server.command(&["COMMAND", "LIST"]));
    let listed: Vec<_> = listed.iter().map(|name| name.replace('|', " ")).collect();
    let unknown: Vec<_> = listed.iter().filter(|name| !known(name)).collect();
    // A newer server may have more; what is unknown is refused.
    assert!(unknown.len() < listed.len() / 10, "{unknown:?}");
}

/// Calls put together at random: where the server finds a key, the table finds it.
#[test]
fn no_key_that_the_server_finds_is_missed() {
    let server = RedisServer::start();
    let words = [
        "k1",
        "k2",
        "k3",
        "k4",
        "k5",
        "k6",
        "0",
        "1",
        "2",
        "3",
        "STORE",
        "store",
        "STOREDIST",
        "STREAMS",
        "BLOCK",
        "COUNT",
        "GROUP",
        "KEYS",
        "BY",
        "GET",
        "LIMIT",
        "WEIGHTS",
        "MATCH",
        "LEFT",
        "RIGHT",
        "m",
        "",
    ];
    let mut random = fastrand::Rng::with_seed(4);
    let (mut found, mut agreed) = (0, 0);
    for _ in 0..6_000 {
        let command = &commands()[random.usize(..commands().len())];
        let mut call: Vec<&str> = command.name.split(' ').collect();
        // Some begin as they should, so that the server reads on.
        let start: &[&str] = match command.name {
            "xread" => &["STREAMS"],
            "xreadgroup" => &["GROUP", "g", "c"],
            "georadius" => &["k1", "1", "1", "1", "m"],
            "georadiusbymember" => &["k1", "m", "1", "m"],
            "migrate" => &["h", "1", "", "0", "1000"],
            "eval" | "evalsha" | "fcall" => &["s"],
            _ => &[],
        };
        call.extend(start);
        for _ in 0..random.usize(..8) {
            call.push(words[random.usize(..words.len())]);
        }
        let question = [&["COMMAND", "GETKEYS"], &call[..]].concat();
        let reply = server.command(&question);
        if !reply.starts_with('*') {
            continue;
        }
        found += 1;
        // A call whose keys cannot be told is refused, which is safe.
        let Ok(ours) = keys_of(call[0].as_bytes(), &call[1..]) else { continue };
        agreed += 1;
        for key in texts(&reply) {
            assert!(ours.contains(&key.as_bytes()), "{call:?}: {key:?} is missed in {ours:?}");
        }
    }
    assert!(found > 1000 && agreed * 10 > found * 9, "{agreed} of {found}");
}
