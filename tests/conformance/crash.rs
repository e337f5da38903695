//! A process that is killed while it writes: what it was told is stored, is stored.

use crate::engines::{file_at, key, record, route};
use framedb_core::Kind;
use framedb_host::store::{Element, SyncMode};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Names the directory for the process that is going to be killed.
const CHILD: &str = "FRAMEDB_TEST_WRITER";

/// Whether that process waits for fsyncs.
const CHILD_SYNCS: &str = "FRAMEDB_TEST_WRITER_SYNCS";

/// Not a test of its own: what the killed process does.
#[tokio::test(flavor = "multi_thread")]
async fn child_writes_until_it_is_killed() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let syncs = std::env::var(CHILD_SYNCS).is_ok();
    let engine =
        file_at(Path::new(&path), if syncs { SyncMode::Always } else { SyncMode::Os }).await;
    let tell = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").unwrap();
        out.flush().unwrap();
    };
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (store, queue) = (engine.one.objects.clone(), engine.queue());
        writers.spawn(async move {
            for n in 0_usize.. {
                let (name, data) = (format!("{writer}/{}", n % 50), vec![writer; n * 37 % 20_000]);
                let write = (record(&name, &data), route("one", Kind::Storage, n as u64));
                store.put_with_routes(&[write]).await.pop().unwrap().unwrap();
                tell(format!("\nput {name} {n} {}", data.len()));
                let element = Element { id: format!("{writer}-{n}"), data: data.into() };
                queue.push(&key("q"), &[element]).await.pop().unwrap().unwrap();
                tell(format!("\npush {writer}-{n}"));
            }
        });
    }
    writers.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_nothing_it_was_told_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    for (lines, syncs) in [(40, true), (400, true), (40, false), (1500, false)] {
        let (puts, pushes) = write_and_kill(directory.path(), lines, syncs);
        assert!(!puts.is_empty());
        let engine = file_at(directory.path(), SyncMode::Always).await;
        for (name, (generation, size)) in puts {
            let names = [key(&name)];
            let data = engine.one.objects.get(&names).await.pop().unwrap().unwrap();
            let route = engine.registry.lookup(&names).await.unwrap().pop().unwrap().unwrap();
            // The next write of the key may have been stored without being told.
            assert!(route.generation >= generation, "{name}");
            if route.generation == generation {
                assert_eq!(data.unwrap().len(), size, "{name}");
            }
        }
        let length = engine.queue().length(&key("q")).await.unwrap();
        assert!(length.ready >= pushes, "{} of {pushes} elements", length.ready);
        let leased = engine.queue().lease(&key("q"), Duration::from_secs(9)).await.unwrap();
        assert_eq!(leased.unwrap().deliveries, 1);
        engine.queue().purge(&key("q")).await.unwrap();
        // The next process begins its generations anew.
        for (key, _) in engine.registry.list(&everything()).await.unwrap() {
            engine.registry.remove(&key, None).await.unwrap();
        }
    }
}

fn everything() -> framedb_host::registry::Query {
    framedb_host::registry::Query { limit: usize::MAX, ..Default::default() }
}

/// Lets a process write until it has told of `lines` writes; the last put of each key with its
/// generation and size, and the number of pushes.
fn write_and_kill(path: &Path, lines: usize, syncs: bool) -> (HashMap<String, (u64, usize)>, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::child_writes_until_it_is_killed", "--exact", "--nocapture"])
        .env(CHILD, path)
        .envs(syncs.then_some((CHILD_SYNCS, "1")))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut told = told.filter(|line| line.starts_with("pu"));
    let mut seen: Vec<String> = told.by_ref().take(lines).collect();
    child.kill().unwrap();
    seen.extend(told);
    child.wait().unwrap();
    let (mut puts, mut pushes) = (HashMap::new(), 0);
    for line in seen {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["put", name, generation, size] => {
                if let (Ok(generation), Ok(size)) = (generation.parse(), size.parse()) {
                    puts.insert(name.to_owned(), (generation, size));
                }
            }
            ["push", _] => pushes += 1,
            // The last line may be cut.
            _ => {}
        }
    }
    (puts, pushes)
}
