//! Every verdict that a plugin may answer, and what becomes of the object.

use framedb_core::{FailureClass, Kind, Outcome, Stage, Value};
use framedb_tests::{
    Describe, KINDS, TestNode, arrival, attribute, failure, key, misbehaving, stored,
};
use std::time::Duration;

#[tokio::test]
async fn an_object_of_each_kind_passes_three_stages_and_is_found() {
    let node = misbehaving().start().await;
    for (kind, instance) in KINDS {
        let name = format!("an {kind} object");
        let receipt = stored(node.ingest(arrival(&name).kind(kind).meta("hello")).await);
        assert_eq!((&*receipt.key, receipt.kind), (&*name, Some(kind)));
        assert_eq!(receipt.framedb_id.as_deref(), Some(instance));
        assert_eq!(receipt.stored_size, format!("payload of {name}").len() as u64);
        assert_eq!((receipt.codec, receipt.synced), (None, kind == Kind::Storage));
        for stage in [Stage::Ingest, Stage::Resolve, Stage::Serialize, Stage::Sink] {
            assert!(!receipt.times.get(stage).is_zero(), "{stage}");
        }
        let route = node.reader().route(&key(&name)).await.unwrap().unwrap();
        assert_eq!(&*route.metadata, "hello");
    }
    assert_eq!(node.get("an in-memory object").await, "payload of an in-memory object");
    assert_eq!(node.get("an storage object").await, "payload of an storage object");
    assert_eq!(node.pop("an stream object").await.unwrap().data, "payload of an stream object");
}

#[tokio::test]
async fn a_batch_of_many_objects_is_stored_whole() {
    let node = misbehaving().start().await;
    let objects = (0..200).map(|n| arrival(&format!("many/{n}")).kind(KINDS[n % 2].0));
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    assert_eq!(node.counted("framedb_batches_total", ""), 1);
    for n in 0..200 {
        assert_eq!(node.get(&format!("many/{n}")).await, format!("payload of many/{n}"));
    }
}

#[tokio::test]
async fn objects_that_take_long_travel_in_batches_that_end_in_time() {
    let node = misbehaving()
        .config(|config| {
            let pipeline = config.pipelines.get_mut("default").unwrap();
            pipeline.batch.time = Duration::from_millis(20);
        })
        .configure("misbehave", |plugin| plugin.limits.batch_time = Duration::from_millis(1500))
        .start()
        .await;
    // One batch of all of them would take twice its limit.
    let slow = r#"{"ingest":"sleep","millis":30}"#;
    let objects = (0..100).map(|n| arrival(&format!("slow/{n}")).meta(slow));
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    assert_eq!(node.counted("framedb_plugin_failures_total", ""), 0);
}

#[tokio::test]
async fn an_accepting_plugin_adds_attributes_which_readers_find() {
    let node = misbehaving().start().await;
    let receipt = stored(node.ingest(arrival("a").order("ingest", "attribute")).await);
    let expected = [
        ("text", Value::Text("yes".into())),
        ("integer", Value::Integer(-1)),
        ("real", Value::Real(0.5)),
        ("boolean", Value::Boolean(true)),
    ];
    let found = node.found("a").await.unwrap();
    for (name, value) in expected {
        assert_eq!(attribute(&receipt, name), Some(value.clone()));
        assert!(found.route.attributes.iter().any(|a| a.name == name && a.value == value));
    }
    assert_eq!(&*found.route.metadata, r#"{"ingest":"attribute"}"#);
}

#[tokio::test]
async fn a_changed_payload_is_the_object_from_then_on() {
    let node = misbehaving().start().await;
    let _ = stored(node.ingest(arrival("a").data("abc").order("ingest", "changed")).await);
    assert_eq!(node.get("a").await, "cba");
    assert_eq!(node.stored_bytes("disk", "a").await.unwrap(), "cba");
}

#[tokio::test]
async fn a_dropped_object_is_a_success_with_a_reason_and_is_not_stored() {
    let node = misbehaving().start().await;
    for stage in ["ingest", "resolve"] {
        let receipt = node.ingest(arrival(stage).order(stage, "drop")).await;
        assert_eq!(receipt.outcome, Outcome::Dropped("told to drop".into()));
        assert_eq!((receipt.framedb_id, receipt.stored_size), (None, 0));
        assert!(node.found(stage).await.is_none());
    }
}

#[tokio::test]
async fn a_rejected_object_fails_with_the_plugin_the_stage_and_the_reason() {
    let node = misbehaving().start().await;
    for stage in [Stage::Ingest, Stage::Resolve, Stage::Serialize] {
        let receipt = node.ingest(arrival(stage.as_str()).order(stage.as_str(), "reject")).await;
        let failure = failure(receipt);
        assert_eq!((failure.class, failure.stage), (FailureClass::Reject, stage));
        assert_eq!(
            failure.message,
            format!("plugin `misbehave` refused the object in {stage}: told to reject")
        );
        assert!(node.found(stage.as_str()).await.is_none());
    }
}

#[tokio::test]
async fn a_retried_object_is_stored_once_its_plugin_takes_it() {
    let node = misbehaving().start().await;
    for stage in ["ingest", "resolve", "serialize"] {
        // The third attempt is the one that the plugin accepts.
        let _ = stored(node.ingest(arrival(stage).order(stage, "retry-twice")).await);
        assert_eq!(node.get(stage).await, format!("payload of {stage}"));
        assert_eq!(node.counted("framedb_retries_total", stage), 2, "{stage}");
    }
}

#[tokio::test]
async fn retries_end_at_the_deadline_with_the_number_of_attempts() {
    let node = misbehaving()
        .config(|config| config.limits.deadline = Duration::from_secs(1))
        .start()
        .await;
    for stage in [Stage::Ingest, Stage::Resolve, Stage::Serialize] {
        let receipt = node.ingest(arrival(stage.as_str()).order(stage.as_str(), "retry")).await;
        let failure = failure(receipt);
        assert_eq!((failure.class, failure.stage), (FailureClass::Retry, stage));
        let attempts = node.counted("framedb_retries_total", stage.as_str()) + 1;
        assert!(attempts > 2, "{attempts}");
        assert_eq!(
            failure.message,
            format!("{stage} gave up after {attempts} attempts: told to retry")
        );
        assert!(node.found(stage.as_str()).await.is_none());
    }
}

#[tokio::test]
async fn a_deadline_that_passes_within_the_last_attempt_ends_retries_all_the_same() {
    let node = misbehaving()
        .config(|config| config.limits.deadline = Duration::from_secs(1))
        .configure("misbehave", |plugin| {
            plugin.limits.time = Duration::from_secs(60);
            plugin.limits.batch_time = Duration::from_secs(60);
        })
        .start()
        .await;
    let failure = failure(node.ingest(arrival("a").order("ingest", "retry-then-wait")).await);
    assert_eq!((failure.class, failure.stage), (FailureClass::Retry, Stage::Ingest));
    assert_eq!(failure.message, "ingest gave up after 2 attempts: told to retry");
}

#[tokio::test]
async fn objects_that_are_tried_again_at_the_same_time_share_batches() {
    let node = misbehaving().start().await;
    let meta = r#"{"ingest":"retry-twice","millis":200}"#;
    let objects = (0..100).map(|n| arrival(&format!("again/{n}")).meta(meta));
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    assert_eq!(node.counted("framedb_retries_total", "ingest"), 200);
    let calls = node.counted("framedb_stage_duration_seconds_count", "ingest");
    assert!(calls < 100, "{calls}");
    assert_eq!(node.counted("framedb_received_bytes_total", ""), 1890);
}

#[tokio::test]
async fn a_retry_after_the_deadline_is_given_up_at_once_and_says_when() {
    let node = misbehaving().start().await;
    let meta = r#"{"resolve":"retry","millis":3600000}"#;
    let failure = failure(node.ingest(arrival("a").meta(meta)).await);
    assert_eq!(failure.class, FailureClass::Retry);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(3600)));
    assert_eq!(failure.message, "resolve gave up after 1 attempt: told to retry");
}

#[tokio::test]
async fn a_placement_may_name_another_instance_kind_and_key() {
    let node = misbehaving().start().await;
    let meta = r#"{"resolve":"elsewhere","to":"memory","kind":"in-memory","key":"there"}"#;
    let receipt = stored(node.ingest(arrival("here").kind(Kind::Storage).meta(meta)).await);
    assert_eq!(&*receipt.key, "there");
    assert_eq!(
        (receipt.framedb_id.as_deref(), receipt.kind),
        (Some("memory"), Some(Kind::InMemory))
    );
    assert!(node.found("here").await.is_none());
    assert_eq!(node.get("there").await, "payload of here");
    assert_eq!(node.stored_bytes("memory", "there").await.unwrap(), "payload of here");
}

#[tokio::test]
async fn a_time_to_live_removes_object_and_route() {
    let node = misbehaving().start().await;
    for (kind, instance) in [(Kind::InMemory, "memory"), (Kind::Storage, "disk")] {
        let meta = r#"{"resolve":"elsewhere","ttl-millis":60000}"#;
        let name = format!("lasting {kind}");
        let _ = stored(node.ingest(arrival(&name).kind(kind).meta(meta)).await);
        let found = node.found(&name).await.unwrap();
        assert!(found.route.expires_at.unwrap() >= found.route.stored_at + 60_000);
        let meta = r#"{"resolve":"elsewhere","ttl-millis":1}"#;
        let name = format!("passing {kind}");
        let _ = stored(node.ingest(arrival(&name).kind(kind).meta(meta)).await);
        framedb_tests::eventually("the object is gone", async || {
            node.found(&name).await.is_none().then_some(())
        })
        .await;
        let routes = node.node().registry.lookup(&[key(&name)]).await.unwrap();
        assert_eq!(routes, [None], "{kind}");
        assert_eq!(node.stored_bytes(instance, &name).await, None);
    }
}

#[tokio::test]
async fn serialized_bytes_are_stored_and_the_receipt_names_their_format() {
    let node = misbehaving().start().await;
    let receipt = stored(node.ingest(arrival("a").data("abc").order("serialize", "reverse")).await);
    assert_eq!(receipt.codec.unwrap().to_string(), "reverse/1");
    assert_eq!(node.stored_bytes("disk", "a").await.unwrap(), "cba");
    assert_eq!(node.get("a").await, "abc");
    let route = node.reader().route(&key("a")).await.unwrap().unwrap();
    let record = route.codec.as_ref().unwrap();
    assert_eq!((record.codec.format.to_string().as_str(), record.size), ("reverse/1", 3));
    assert_eq!(record.crc32c, framedb_core::CodecRecord::of(record.codec.clone(), b"cba").crc32c);
    let component = framedb_tests::fixture("misbehave");
    assert_eq!(*record.codec.digest, *framedb_host::plugin::digest(&component));
}

#[tokio::test]
async fn without_plugins_every_stage_is_the_identity() {
    let node = TestNode::build().start().await;
    let receipt = stored(node.ingest(arrival("a").to("memory").meta("m")).await);
    assert_eq!(
        (receipt.framedb_id.as_deref(), receipt.kind),
        (Some("memory"), Some(Kind::InMemory))
    );
    let receipt = stored(node.ingest(arrival("b")).await);
    assert_eq!((receipt.framedb_id.as_deref(), receipt.kind), (Some("disk"), Some(Kind::Storage)));
    assert_eq!(node.get("a").await, "payload of a");
    assert_eq!(node.get("b").await, "payload of b");
}

#[tokio::test]
async fn the_default_configuration_runs_three_built_in_plugins() {
    let pipelines = framedb_host::Config::default().pipelines;
    let node = TestNode::build().config(|config| config.pipelines = pipelines).start().await;
    let receipt = stored(node.ingest(arrival("a").data("{\"a\": 1}")).await);
    assert_eq!(attribute(&receipt, "content-type"), Some(Value::Text("application/json".into())));
    assert_eq!(receipt.codec, None);
    assert_eq!(
        node.found("a").await.unwrap().route.content_type.as_deref(),
        Some("application/json")
    );
    let lie = arrival("b").data("{\"a\": 1}").content_type("image/png");
    let failure = failure(node.ingest(lie).await);
    assert_eq!((failure.class, failure.stage), (FailureClass::Reject, Stage::Ingest));
    assert!(failure.message.contains("declared as image/png"), "{}", failure.message);
}

#[tokio::test]
async fn a_receipt_says_when_the_data_is_with_the_operating_system_only() {
    let node = TestNode::build()
        .config(|config| {
            let disk = config.instances.get_mut("disk").unwrap();
            disk.sync = framedb_host::store::SyncMode::Os;
        })
        .start()
        .await;
    assert!(!stored(node.ingest(arrival("a")).await).synced);
    assert_eq!(node.get("a").await, "payload of a");
}

#[tokio::test]
async fn a_long_reason_is_cut_before_it_reaches_the_sender() {
    let node = misbehaving().start().await;
    let meta = r#"{"resolve":"huge","bytes":5000}"#;
    let failure = failure(node.ingest(arrival("a").meta(meta)).await);
    assert_eq!(failure.class, FailureClass::Reject);
    assert!(failure.message.len() < 1200 && failure.message.ends_with("x…"), "{failure:?}");
}

#[tokio::test]
async fn a_serializer_sees_its_settings_and_its_own_objects_only() {
    let node = misbehaving()
        .configure("misbehave", |plugin| {
            plugin.settings.insert("misbehave_value".into(), "a value".into());
        })
        .start()
        .await;
    let _ = stored(node.ingest(arrival("a").order("serialize", "setting")).await);
    assert_eq!(node.get("a").await, "a value");
    let _ = stored(node.ingest(arrival("b").order("serialize", "remember")).await);
    assert_eq!(node.get("b").await, "2");
}
