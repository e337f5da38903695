//! Every read is decoded by the codec that wrote, also when it is no longer configured.

use framedb_core::{Kind, Value};
use framedb_host::{ErrorKind, store::Record};
use framedb_tests::{Describe, TestNode, arrival, component, fixture, key, misbehaving, stored};

fn with(serializer: &str) -> framedb_tests::Build {
    TestNode::build().fixture(serializer, |_| {}).serializer(serializer)
}

#[tokio::test]
async fn built_in_codecs_restore_objects_and_elements() {
    let data = "compressible ".repeat(1000);
    for (plugin, format) in [("serialize-lz4", "lz4/1"), ("serialize-cbor", "cbor/1")] {
        let node = TestNode::build().plugin(plugin, component(plugin), |_| {}).serializer(plugin);
        let node = node.start().await;
        for instance in ["memory", "disk"] {
            let receipt =
                stored(node.ingest(arrival(instance).to(instance).data(data.clone())).await);
            assert_eq!(receipt.codec.unwrap().to_string(), format);
            let bytes = node.stored_bytes(instance, instance).await.unwrap();
            assert_ne!(bytes, data);
            assert_eq!(receipt.stored_size, bytes.len() as u64);
            let found = node.found(instance).await.unwrap();
            assert_eq!((found.data == data, found.foreign), (true, false), "{plugin}");
            assert_eq!(found.route.size, Some(data.len() as u64));
            let queue = format!("queue on {instance}");
            let push = arrival(&queue).kind(Kind::Stream).to(instance).data(data.clone());
            let _ = stored(node.ingest(push).await);
            assert_eq!(node.pop(&queue).await.unwrap().data, data);
        }
    }
}

#[tokio::test]
async fn bytes_that_a_serializer_leaves_alone_are_stored_as_they_were_sent() {
    for plugin in ["serialize-raw", "serialize-lz4"] {
        let node = TestNode::build().plugin(plugin, component(plugin), |_| {}).serializer(plugin);
        let node = node.start().await;
        // Nothing to compress.
        let data = noise(4000);
        for instance in ["memory", "disk"] {
            let receipt = stored(node.ingest(arrival("k").to(instance).data(data.clone())).await);
            assert_eq!(receipt.codec, None, "{plugin}");
            assert_eq!(node.stored_bytes(instance, "k").await.unwrap(), data);
            assert!(node.reader().route(&key("k")).await.unwrap().unwrap().codec.is_none());
        }
    }
}

#[tokio::test]
async fn a_codec_that_is_no_longer_configured_is_read_from_the_archive() {
    let node = with("reverse-v1").start().await;
    let _ = stored(node.ingest(arrival("k").data("abc")).await);
    let digest = framedb_host::plugin::digest(&fixture("reverse-v1"));
    let archived =
        node.data_dir().join("codecs").join(&digest["sha256:".len()..]).with_extension("wasm");
    assert_eq!(std::fs::read(&archived).unwrap(), fixture("reverse-v1"));
    let directory = node.stop().await;
    let node = TestNode::build().in_directory(&directory).start().await;
    assert_eq!(node.stored_bytes("disk", "k").await.unwrap(), "cba");
    assert_eq!(node.get("k").await, "abc");
    let directory = node.stop().await;
    // Without the archive an installed codec of the same format stands in.
    std::fs::remove_file(&archived).unwrap();
    let node = with("reverse-v2").in_directory(&directory).start().await;
    assert_eq!(node.get("k").await, "abc");
    let directory = node.stop().await;
    // And with neither, both are named.
    let node = with("rot-v2").in_directory(&directory).start().await;
    let error = node.reader().get(&key("k")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Plugin);
    let message = error.to_string();
    for part in ["no codec for reverse/1", &digest, "the installed plugins read reverse/2"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(error.hint(), Some("configure a plugin that reads reverse/1"));
    // The object is still there for a node that can read it.
    assert_eq!(node.stored_bytes("disk", "k").await.unwrap(), "cba");
}

#[tokio::test]
async fn the_exact_codec_comes_before_another_one_of_its_format() {
    // Of the two only `misbehave` refuses this key when it decodes.
    let node = misbehaving().start().await;
    let name = "k.decode-reject";
    let _ = stored(node.ingest(arrival(name).data("abc").order("serialize", "reverse")).await);
    let directory = node.stop().await;
    let node = with("reverse-v1").in_directory(&directory).start().await;
    let error = node.reader().get(&key(name)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let digest = framedb_host::plugin::digest(&fixture("misbehave"));
    let start = format!("cannot decode `{name}` with reverse/1 ({digest})");
    assert_eq!(error.to_string(), format!("{start}: told to reject"));
}

#[tokio::test]
async fn an_archived_codec_that_was_damaged_is_not_run() {
    let node = with("reverse-v1").start().await;
    let _ = stored(node.ingest(arrival("k").data("abc")).await);
    let (archived, _) = node.node().codecs.kept().unwrap().pop().unwrap();
    let file =
        node.data_dir().join("codecs").join(&archived["sha256:".len()..]).with_extension("wasm");
    let directory = node.stop().await;
    std::fs::write(&file, fixture("rot-v2")).unwrap();
    let node = TestNode::build().in_directory(&directory).start().await;
    let error = node.reader().get(&key("k")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("is not what was kept"), "{error}");
}

#[tokio::test]
async fn failures_of_a_decoder_name_the_object_and_the_codec() {
    let node = misbehaving()
        .configure("misbehave", |plugin| {
            plugin.limits.cpu = std::time::Duration::from_millis(50);
            plugin.limits.time = std::time::Duration::from_secs(1);
        })
        .start()
        .await;
    for (behaviour, cause) in [
        ("trap", "panicked"),
        ("spin", "50ms of cpu"),
        ("wait", "1s of time"),
        ("short", "it answered 0 verdicts for 1 objects"),
        ("reject", "told to reject"),
        ("retry", "told to retry"),
    ] {
        let name = format!("k.decode-{behaviour}");
        let _ = stored(node.ingest(arrival(&name).order("serialize", "reverse")).await);
        let error = node.reader().get(&key(&name)).await.unwrap_err();
        let message = error.to_string();
        let start = format!("cannot decode `{name}` with reverse/1 (sha256:");
        assert!(message.starts_with(&start), "{message}");
        assert!(message.contains(cause), "{message}");
        assert_eq!(error.is_temporary(), behaviour == "retry");
        let kind = match behaviour {
            "reject" => ErrorKind::Corrupt,
            "retry" => ErrorKind::Unavailable,
            _ => ErrorKind::Plugin,
        };
        assert_eq!(error.kind(), kind, "{message}");
    }
    // The decoder serves others all the same.
    let _ = stored(node.ingest(arrival("good").data("abc").order("serialize", "reverse")).await);
    assert_eq!(node.get("good").await, "abc");
}

#[tokio::test]
async fn bytes_of_a_foreign_writer_are_returned_as_they_are_and_flagged() {
    let node = with("reverse-v1").second_disk().start().await;
    for instance in ["memory", "disk", "second"] {
        let _ = stored(node.ingest(arrival("k").to(instance).data("abc")).await);
        assert!(!node.found("k").await.unwrap().foreign);
        let store = node.node().instances.get(instance).await.unwrap().objects.clone();
        let record = Record { key: key("k"), data: "xyz".into(), expires_at: None };
        store.put(&[record]).await.pop().unwrap().unwrap();
        let found = node.found("k").await.unwrap();
        assert_eq!((&*found.data, found.foreign), (&b"xyz"[..], true), "{instance}");
    }
}

#[tokio::test]
async fn an_object_may_change_its_codec_with_every_write() {
    let node = misbehaving().second_disk().start().await;
    for instance in ["memory", "disk", "second"] {
        for (n, behaviour) in ["reverse", "", "reverse", "reverse", ""].into_iter().enumerate() {
            let object = arrival("k").to(instance).data(format!("write {n}"));
            let receipt = stored(node.ingest(object.order("serialize", behaviour)).await);
            assert_eq!(receipt.codec.is_some(), behaviour == "reverse");
            let found = node.found("k").await.unwrap();
            assert_eq!((found.data, found.foreign), (format!("write {n}").into(), false));
            assert_eq!(found.route.codec.is_some(), behaviour == "reverse");
            assert_eq!(found.route.next, None);
        }
    }
}

#[tokio::test]
async fn attributes_and_metadata_are_not_part_of_the_stored_bytes() {
    let node = misbehaving().start().await;
    let meta = r#"{"ingest":"attribute","serialize":"reverse"}"#;
    let _ = stored(node.ingest(arrival("k").data("abc").meta(meta)).await);
    assert_eq!(node.stored_bytes("disk", "k").await.unwrap(), "cba");
    let found = node.found("k").await.unwrap();
    assert_eq!(&*found.route.metadata, meta);
    assert!(found.route.attributes.iter().any(|a| a.value == Value::Integer(-1)));
}

/// Bytes without any pattern, always the same.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
