use super::*;
use framedb_core::{FailureClass, Key, Stage};

fn letter(id: &str, size: usize) -> (DeadLetter, Bytes) {
    let object = Sent {
        id: id.into(),
        key: Key::new("k").unwrap(),
        source: "".into(),
        kind: None,
        framedb_id: None,
        content_type: None,
        metadata: "m".into(),
        attributes: Arc::default(),
    };
    let letter = DeadLetter {
        id: letter_id(id, "", "default"),
        object,
        size: size as u64,
        pipeline: "default".into(),
        from: 0,
        stage: Stage::Ingest,
        plugin: None,
        class: FailureClass::Trap,
        error: "panicked".into(),
        backtrace: vec!["a!b".into()],
        recorded: None,
        attempts: 1,
        first_at: 1,
        last_at: 1,
    };
    (letter, Bytes::from(vec![7; size]))
}

fn open(folder: &std::path::Path, max_bytes: u64) -> DeadLetters {
    let disk = Arc::new(Disk::open(folder).unwrap());
    let config = DeadLettersConfig { max_bytes: ByteSize::b(max_bytes) };
    DeadLetters::new(disk, &config)
}

#[tokio::test]
async fn a_letter_is_found_by_the_start_of_its_id_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let letters = open(folder.path(), 1 << 20);
    let (one, data) = letter("one", 100);
    let id = one.id.clone();
    assert_eq!(
        letters.keep(one.clone(), data.clone(), None, Earlier::Replaced).await.unwrap(),
        one
    );
    let totals = letters.totals().await.unwrap();
    drop(letters);
    let letters = open(folder.path(), 1 << 20);
    assert_eq!(letters.totals().await.unwrap(), totals);
    assert_eq!(letters.get(&id[..6]).await.unwrap().unwrap(), one);
    assert_eq!(letters.payload(&id).await.unwrap().unwrap(), data);
    assert!(letters.get(&id[..3]).await.unwrap().is_none());
    assert!(!letters.remove(&id, Some(2)).await.unwrap(), "it has one attempt");
    assert!(letters.remove(&id, Some(1)).await.unwrap());
    assert!(letters.get(&id).await.unwrap().is_none());
    assert_eq!(letters.totals().await.unwrap(), Totals::default());
}

#[tokio::test]
async fn a_full_queue_takes_no_more_and_pushes_nothing_out() {
    let folder = tempfile::tempdir().unwrap();
    let letters = open(folder.path(), 10_000);
    let (one, data) = letter("one", 8_000);
    letters.keep(one.clone(), data.clone(), None, Earlier::Replaced).await.unwrap();
    let (two, more) = letter("two", 8_000);
    let error = letters.keep(two, more, None, Earlier::Replaced).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.to_string().contains("dead-letters.max-bytes"), "{error}");
    // The same object again needs no more room.
    assert_eq!(letters.keep(one, data, None, Earlier::Replaced).await.unwrap().attempts, 2);
    assert_eq!(letters.list(None, 10).await.unwrap().len(), 1);
    assert_eq!(letters.totals().await.unwrap().count, 1);
}

#[tokio::test]
async fn pages_go_on_behind_the_last_letter() {
    let folder = tempfile::tempdir().unwrap();
    let letters = open(folder.path(), 1 << 20);
    for n in 0..5 {
        let (letter, data) = letter(&format!("object {n}"), n);
        letters.keep(letter, data, None, Earlier::Replaced).await.unwrap();
    }
    let first = letters.list(None, 3).await.unwrap();
    let after = first.last().map(|letter| letter.id.to_string());
    let second = letters.list(after, 3).await.unwrap();
    assert_eq!((first.len(), second.len()), (3, 2));
    assert!(first.iter().all(|letter| second.iter().all(|other| other.id > letter.id)));
}
