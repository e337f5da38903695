//! A disk that is full: an error for each write, and nothing lost of what was there.

use crate::engines::{eventually, file_at, key, record};
use framedb_host::{
    ErrorKind,
    store::{Element, Pushed, SyncMode},
};
use std::{path::Path, process::Command, time::Duration};

/// Names the directory for the process whose files may not grow.
const CHILD: &str = "FRAMEDB_TEST_LIMITED";

/// Not a test of its own: what the process does whose files may not grow.
#[tokio::test(flavor = "multi_thread")]
async fn child_writes_more_than_fits() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let engine = file_at(Path::new(&path), SyncMode::Always).await;
    let (store, queue) = (&engine.one.objects, engine.queue());
    let (mut failed, mut pushed, mut unpushed) = (0, 0, Vec::new());
    let mut stored = Vec::new();
    for n in 0..40 {
        let name = n.to_string();
        let element = Element { id: name.clone(), data: vec![7; 300_000].into() };
        match queue.push(&key("q"), &[element]).await.pop().unwrap() {
            Ok(_) => pushed += 1,
            Err(_) => unpushed.push(name.clone()),
        }
        match store.put(&[record(&name, &[7; 500_000])]).await.pop().unwrap() {
            Ok(()) => stored.push(name),
            Err(error) => {
                assert!(
                    matches!(error.kind(), ErrorKind::Full | ErrorKind::Unavailable),
                    "{}",
                    error.chain()
                );
                assert!(error.is_temporary() && error.hint().is_some());
                failed += 1;
            }
        }
        // What was there before is there, whatever became of this write.
        let early = store.get(&[key("early")]).await.pop().unwrap();
        assert_eq!(early.unwrap().unwrap().len(), 100_000);
        for name in &stored {
            let data = store.get(&[key(name)]).await.pop().unwrap().unwrap();
            assert_eq!(data.unwrap().len(), 500_000, "{name}");
        }
    }
    assert!(failed > 5 && !stored.is_empty(), "{failed} failed, {} stored", stored.len());
    // Small writes succeed again as soon as the database is open again; a push that failed is
    // not remembered.
    let id = unpushed.pop().unwrap();
    let element = Element { id, data: vec![1].into() };
    eventually(|| async {
        let small = store.put(&[record("late", b"1")]).await.pop().unwrap();
        if small.is_err() {
            return false;
        }
        let answer = queue.push(&key("q"), std::slice::from_ref(&element)).await.pop().unwrap();
        answer.is_ok_and(|answer| answer == Pushed::New)
    })
    .await;
    assert_eq!(queue.length(&key("q")).await.unwrap().ready, pushed + 1);
    queue.purge(&key("q")).await.unwrap();
    println!("\nfailed {failed}, stored {}", stored.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_costs_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    {
        let engine = file_at(directory.path(), SyncMode::Always).await;
        engine.one.objects.put(&[record("early", &[7; 100_000])]).await.pop().unwrap().unwrap();
    }
    // Files of at most 4 MiB, and an error instead of a signal for larger ones.
    let child = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["full_disk::child_writes_more_than_fits", "--exact", "--nocapture"])
        .env(CHILD, directory.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{output}{}", String::from_utf8_lossy(&child.stderr));
    assert!(output.contains("failed"), "{output}");

    let engine = file_at(directory.path(), SyncMode::Always).await;
    let store = &engine.one.objects;
    assert!(store.get(&[key("early")]).await.pop().unwrap().unwrap().is_some());
    assert!(store.get(&[key("late")]).await.pop().unwrap().unwrap().is_some());
    store.put(&[record("more", &[7; 900_000])]).await.pop().unwrap().unwrap();
}

/// A file system of its own, where the user may mount one.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(path: &'a Path, size: &str) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "framedb-test"])
            .arg(path)
            .output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(Self(path))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_refused_before_it_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let Some(_small) = Small::mount(directory.path(), "48m") else {
        println!("skipped: no file system can be mounted here");
        return;
    };
    {
        let engine = file_at(directory.path(), SyncMode::Always).await;
        let store = &engine.one.objects;
        let mut stored = Vec::new();
        let mut refused = None;
        for n in 0..100 {
            let name = n.to_string();
            match store.put(&[record(&name, &[7; 1 << 20])]).await.pop().unwrap() {
                Ok(()) => stored.push(name),
                Err(error) => refused = Some(error),
            }
        }
        let refused = refused.unwrap();
        assert_eq!(refused.kind(), ErrorKind::Full, "{}", refused.chain());
        assert!(refused.hint().unwrap().contains("free space"));
        assert!(stored.len() > 5, "{} stored", stored.len());
        for name in &stored {
            let data = store.get(&[key(name)]).await.pop().unwrap().unwrap();
            assert_eq!(data.unwrap().len(), 1 << 20);
        }
        // What frees space is still possible.
        assert!(store.delete(&[key(&stored[0])]).await.pop().unwrap().unwrap());
        tokio::time::timeout(Duration::from_secs(5), store.health()).await.unwrap().unwrap();
    }
    let engine = file_at(directory.path(), SyncMode::Always).await;
    assert!(engine.one.objects.get(&[key("1")]).await.pop().unwrap().unwrap().is_some());
}
