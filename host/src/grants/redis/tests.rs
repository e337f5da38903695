//! What a grant means, and where keys hide.

use super::*;
use crate::grants::{Grants, GrantsConfig, RefusalKind};

fn guard(grant: &str) -> RedisGuard {
    let text = format!("[redis.hot]\ninstance = 'hot'\n{grant}");
    let config: GrantsConfig = toml::from_str(&text).unwrap();
    Grants::new("p", &config).redis("hot").unwrap().guard.clone().unwrap()
}

/// Reads and writes below `a:`.
fn usual() -> RedisGuard {
    guard("keys = ['a:*']\ncommands = ['read', 'write', 'publish']\nchannels = ['a:*']")
}

fn check(guard: &RedisGuard, call: &str) -> Result<Permitted, Refusal> {
    let mut words = call.split(' ').filter(|word| !word.is_empty());
    let command = words.next().unwrap_or_default();
    guard.check(command.as_bytes(), &words.collect::<Vec<_>>())
}

fn may(guard: &RedisGuard, call: &str) -> bool {
    check(guard, call).is_ok()
}

#[test]
fn commands_of_granted_classes_pass_on_granted_keys() {
    for call in [
        "GET a:1",
        "gEt a:1",
        "MGET a:1 a:2",
        "SET a:1 v EX 10",
        "MSET a:1 x a:2 b:1",
        "DEL a:1 a:2",
        "XADD a:1 * f v",
        "XREAD COUNT 1 STREAMS a:1 a:2 0 0",
        "XREADGROUP GROUP g c STREAMS a:1 >",
        "XGROUP CREATE a:1 g $",
        "OBJECT ENCODING a:1",
        "ZUNIONSTORE a:d 2 a:1 a:2 WEIGHTS 1 2",
        "ZADD a:1 1 b:1",
        "BITOP AND a:d a:1 a:2",
        "SORT a:1 BY nosort GET # STORE a:2",
        "SORT_RO a:1 BY a:w_* GET a:o_*->f",
        "GEORADIUS a:1 0 0 1 m STORE a:2",
        "LMPOP 2 a:1 a:2 LEFT",
        "COPY a:1 a:2 REPLACE",
        "PUBLISH a:news hi",
        "HEXPIRE a:1 10 FIELDS 1 f",
    ] {
        check(&usual(), call).unwrap_or_else(|refusal| panic!("{call}: {refusal}"));
    }
}

#[test]
fn a_key_outside_of_the_prefix_is_found_wherever_it_stands() {
    for call in [
        "GET b:1",
        "GET a",
        "GET A:1",
        "MGET a:1 b:1",
        "MSET a:1 x b:1 y",
        "DEL a:1 a:2 b:1",
        "RENAME a:1 b:1",
        "RENAME b:1 a:1",
        "COPY a:1 b:1",
        "LMOVE a:1 b:1 LEFT RIGHT",
        "SMOVE a:1 b:1 m",
        "BITOP AND a:d a:1 b:1",
        "BITOP AND b:d a:1",
        "SINTERSTORE b:d a:1",
        "SDIFF a:1 b:1",
        "ZUNIONSTORE b:d 1 a:1",
        "ZUNIONSTORE a:d 2 a:1 b:1",
        "ZINTER 2 a:1 b:1",
        "LMPOP 2 a:1 b:1 LEFT",
        "PFMERGE a:1 a:2 b:1",
        "GEOSEARCHSTORE a:1 b:1 FROMMEMBER m BYRADIUS 1 m",
        "GEORADIUS a:1 0 0 1 m STORE b:1",
        "GEORADIUS a:1 0 0 1 m STORE a:2 STORE b:1",
        "GEORADIUS a:1 0 0 1 m storedist b:1",
        "GEORADIUSBYMEMBER a:1 m 1 m STORE b:1",
        "XREAD STREAMS b:1 0",
        "XREAD COUNT 1 STREAMS a:1 b:1 0 0",
        "XREAD streams a:1 b:1 0 0",
        "XREADGROUP GROUP g STREAMS STREAMS b:1 >",
        "XGROUP CREATE b:1 g $",
        "XINFO STREAM b:1",
        "OBJECT ENCODING b:1",
        "MEMORY USAGE b:1",
        "SORT a:1 STORE b:1",
        "SORT a:1 STORE a:2 STORE b:1",
        "SORT a:1 BY b:w_*",
        "SORT a:1 BY *",
        "SORT a:1 GET b:o_*->f",
        "SORT a:1 GET a*",
        "SORT_RO a:1 GET a:o_* GET b:o_*",
        "RPOPLPUSH a:1 b:1",
        "LCS a:1 b:1",
    ] {
        let refusal = check(&usual(), call).expect_err(call);
        assert_eq!(refusal.kind(), RefusalKind::NotGranted, "{call}: {refusal}");
    }
}

#[test]
fn what_blocks_scripts_connects_or_administrates_has_to_be_named() {
    for call in [
        "BLPOP a:1 0",
        "BLMOVE a:1 a:2 LEFT LEFT 0",
        "XREAD BLOCK 0 STREAMS a:1 0",
        "XREADGROUP GROUP g c block 0 STREAMS a:1 >",
        "WAIT 1 0",
        "EVAL return 0",
        "EVALSHA x 0",
        "EVAL_RO return 1 a:1",
        "FCALL f 1 a:1",
        "SCRIPT LOAD x",
        "SCRIPT FLUSH",
        "FUNCTION LOAD x",
        "SELECT 1",
        "AUTH x",
        "HELLO 3",
        "RESET",
        "QUIT",
        "MONITOR",
        "SUBSCRIBE a:1",
        "PSUBSCRIBE *",
        "CLIENT REPLY OFF",
        "MULTI",
        "EXEC",
        "WATCH a:1",
        "SYNC",
        "PSYNC ? -1",
        "CLIENT KILL x",
        "CLIENT LIST",
        "CONFIG GET *",
        "CONFIG SET dir /tmp",
        "DEBUG SEGFAULT",
        "SHUTDOWN",
        "SAVE",
        "REPLICAOF h 1",
        "SLAVEOF h 1",
        "MODULE LOAD x",
        "ACL LIST",
        "FLUSHALL",
        "FLUSHDB",
        "SWAPDB 0 1",
        "MOVE a:1 1",
        "COPY a:1 a:2 DB 1",
        "MIGRATE h 1 a:1 0 1000",
        "RESTORE a:1 0 x",
        "CLUSTER RESET",
        "KEYS a:*",
        "SCAN 0 MATCH a:*",
        "RANDOMKEY",
        "DBSIZE",
        "INFO",
        "TIME",
        "PING",
        "ECHO x",
        "LASTSAVE",
        "PUBSUB CHANNELS",
        "NOSUCH a:1",
        "JSON.GET a:1",
        "FT.SEARCH a:1 *",
        "XGROUP NOSUCH a:1",
    ] {
        let refusal = check(&usual(), call).expect_err(call);
        let name = call.split(' ').next().unwrap().to_lowercase();
        let add = refusal.add().unwrap();
        let add_to = "commands = [\"read\", \"write\", \"publish\", \"";
        assert!(add.contains(&format!("{add_to}{name}")), "{call}: {add}");
    }
}

#[test]
fn a_named_command_passes_and_its_neighbours_do_not() {
    let named = guard("keys = ['a:*']\ncommands = ['GET', 'blpop', 'xgroup|create', 'script']");
    assert!(may(&named, "get a:1") && !may(&named, "set a:1 x") && !may(&named, "getdel a:1"));
    let blocking = check(&named, "BLPOP a:1 a:2 0").unwrap();
    assert_eq!(blocking, Permitted { class: Some(Class::Blocking), own_connection: true });
    assert!(!may(&named, "BLPOP a:1 b:1 0"));
    assert!(may(&named, "XGROUP CREATE a:1 g $") && !may(&named, "XGROUP DESTROY a:1 g"));
    assert!(may(&named, "SCRIPT LOAD x") && may(&named, "SCRIPT FLUSH"));
    assert!(!check(&named, "GET a:1").unwrap().own_connection);
    assert!(!named.changes_connections());
}

#[test]
fn who_may_change_a_connection_has_one_of_its_own() {
    for rule in ["select", "MULTI", "client|reply", "client"] {
        let guard = guard(&format!("keys = ['a:*']\ncommands = ['{rule}']"));
        assert!(guard.changes_connections(), "{rule}");
    }
    let selecting = guard("keys = ['a:*']\ncommands = ['select']");
    // The one that the plugin has opened, which goes on behind it.
    assert!(!check(&selecting, "SELECT 1").unwrap().own_connection);
    assert!(!guard("keys = ['a:*']\ncommands = ['*']").changes_connections());
}

#[test]
fn a_wildcard_is_for_all_that_is_known_and_leaves_connections_alone() {
    let wide = guard("keys = ['*']\ncommands = ['*']\nchannels = ['*']");
    for call in ["GET x", "FLUSHALL", "EVAL s 0", "KEYS *", "SCAN 0", "BLPOP k 0", "PUBLISH c m"] {
        assert!(may(&wide, call), "{call}");
    }
    for call in ["SELECT 1", "MULTI", "QUIT", "SUBSCRIBE c", "AUTH x", "NOSUCH x", "RESET"] {
        assert!(!may(&wide, call), "{call}");
    }
    let narrow = guard("keys = ['a:*']\ncommands = ['*']");
    assert!(!may(&narrow, "GET b:1") && !may(&narrow, "KEYS *") && !may(&narrow, "SCAN 0"));
    assert!(!may(&narrow, "PUBLISH c m"));
}

#[test]
fn patterns_of_named_commands_stay_within_the_keys() {
    let named = guard("keys = ['a:*']\ncommands = ['keys', 'scan', 'randomkey']");
    for call in ["KEYS a:*", "KEYS a:[xy]?", "SCAN 0 MATCH a:* COUNT 10"] {
        assert!(may(&named, call), "{call}");
    }
    for call in [
        "KEYS *",
        "KEYS a*",
        "KEYS [a]:*",
        "KEYS \\a:*",
        "SCAN 0",
        "SCAN 0 COUNT 10",
        "SCAN 0 MATCH *",
        "SCAN 0 MATCH a:* MATCH *",
        "SCAN 0 match a:* match b:*",
        "RANDOMKEY",
    ] {
        assert!(!may(&named, call), "{call}");
    }
}

#[test]
fn an_unknown_command_needs_its_name_and_all_keys() {
    let named = guard("keys = ['a:*']\ncommands = ['json.get']");
    let refusal = check(&named, "JSON.GET a:1").unwrap_err();
    assert!(refusal.add().unwrap().ends_with("keys = [\"*\"]"), "{refusal:?}");
    let all = guard("keys = ['*']\ncommands = ['json.get']");
    assert_eq!(check(&all, "JSON.GET x").unwrap().class, None);
    assert!(!may(&all, "JSON.SET x"));
}

#[test]
fn channels_are_granted_apart_from_keys() {
    assert!(may(&usual(), "PUBLISH a:1 x") && !may(&usual(), "PUBLISH b:1 x"));
    assert!(!may(&usual(), "SPUBLISH b:1 x"));
    let named = guard("channels = ['a:*']\ncommands = ['subscribe', 'psubscribe']");
    assert!(may(&named, "SUBSCRIBE a:1 a:2") && !may(&named, "SUBSCRIBE a:1 b:1"));
    assert!(may(&named, "PSUBSCRIBE a:*") && !may(&named, "PSUBSCRIBE a:* *"));
}

#[test]
fn calls_whose_keys_cannot_be_told_are_refused() {
    let named = guard("keys = ['a:*']\ncommands = ['read', 'write', 'eval', 'blpop', 'client']");
    for call in [
        "GET",
        "MGET",
        "MSET a:1",
        "DEL",
        "EVAL s",
        "EVAL s x a:1",
        "EVAL s -1 a:1",
        "EVAL s +1 a:1",
        "EVAL s 2 a:1",
        "EVAL s 18446744073709551615 a:1",
        "EVAL s 18446744073709551616 a:1",
        "EVAL s 999999999999 a:1",
        "ZUNIONSTORE a:d 9 a:1",
        "ZINTER 1",
        "LMPOP",
        "XREAD STREAMS",
        "XREAD STREAMS a:1",
        "BLPOP 0",
        "XGROUP",
        "XGROUP CREATE",
        "OBJECT",
        "SORT a:1 STORE",
        "",
    ] {
        if call == "MSET a:1" {
            // One key and no value; the server says so itself.
            continue;
        }
        let refusal = check(&named, call).expect_err(call);
        assert_eq!(refusal.kind(), RefusalKind::Unreadable, "{call}: {refusal}");
    }
}

#[test]
fn names_that_are_no_names_are_refused() {
    let wide = guard("keys = ['*']\ncommands = ['*', 'x']");
    for name in [&b"GET x"[..], b"GET\r\nFLUSHALL", b"\0", b"", &[0xff, 0xfe], &[b'x'; 100]] {
        let refusal = wide.check(name, &["a"]).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Unreadable, "{name:?}");
    }
    // Arguments are bytes, whatever they are.
    usual().check(b"SET", &[&b"a:\xff\0\r\n"[..], b"\xff\r\n*1\r\n"]).unwrap();
}

#[test]
fn a_refusal_names_the_key_and_the_line() {
    let refusal = check(&usual(), "GET secret").unwrap_err();
    assert_eq!(refusal.to_string(), "the key `secret` is not granted to GET");
    let starred = check(&usual(), "GET s*t").unwrap_err();
    assert!(starred.add().is_none() && starred.to_string().contains("what it begins with"));
    let unknown = check(&usual(), "JSON.GET a:1").unwrap_err().add().unwrap();
    assert!(unknown.ends_with("\"json.get\"]\nkeys = [\"*\"]"), "{unknown}");
    let add = "[plugins.p.grants.redis.hot]\nkeys = [\"a:*\", \"secret\"]";
    assert_eq!(refusal.add().as_deref(), Some(add));
    let refusal = check(&guard("keys = ['*']"), "GET a").unwrap_err();
    assert!(refusal.add().unwrap().ends_with("commands = [\"read\"]"), "{refusal:?}");
}

#[test]
fn mangled_calls_are_decided() {
    let words: Vec<&str> = commands().iter().flat_map(|command| command.name.split(' ')).collect();
    let more = ["0", "1", "2", "99999999999999999999", "STORE", "STREAMS", "KEYS", "a:1", "*", ""];
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..50_000 {
        let mut call = vec![words[random.usize(..words.len())]];
        for _ in 0..random.usize(..6) {
            let pool = if random.bool() { &words[..] } else { &more[..] };
            call.push(pool[random.usize(..pool.len())]);
        }
        fuzz(call.join("\0").as_bytes());
    }
}
