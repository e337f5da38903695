//! `framedb.ObjectService` as in section 2 of the wire contract: what works.

use framedb_core::{Key, Kind};
use framedb_tests::{
    Describe, TestNode, arrival,
    proto::framedb::{
        GetObjectRequest, GetObjectResponse, Object, SetObjectRequest, SetObjectResponse,
        object_service_client::ObjectServiceClient,
    },
    stored,
};
use tonic::transport::Channel;

pub(crate) type Client = ObjectServiceClient<Channel>;

/// An object as clients send it.
pub(crate) fn object(key: &str, framedb_id: &str, kind: &str, data: &[u8]) -> Object {
    Object {
        key: key.into(),
        framedb_id: framedb_id.into(),
        data: data.to_vec().into(),
        metadata: String::new(),
        r#type: kind.into(),
    }
}

pub(crate) async fn set(client: &mut Client, object: Object) -> SetObjectResponse {
    let request = SetObjectRequest { object: Some(object) };
    client.set_object(request).await.expect("never a gRPC error").into_inner()
}

pub(crate) async fn get(client: &mut Client, key: &str) -> GetObjectResponse {
    let request = GetObjectRequest { key: key.into() };
    client.get_object(request).await.expect("never a gRPC error").into_inner()
}

/// Stores an object, and looks at every word of the answer.
pub(crate) async fn set_well(client: &mut Client, object: Object) {
    let key = object.key.clone();
    let expected = SetObjectResponse {
        success: true,
        message: format!("Object stored and routed successfully (key={key})"),
        key,
    };
    assert_eq!(set(client, object).await, expected);
}

#[tokio::test]
async fn objects_of_all_three_types_are_stored_and_read() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    for (kind, framedb_id) in [("in-memory", "memory"), ("storage", "disk"), ("stream", "memory")] {
        let sent = Object {
            metadata: "{\"a\": 1}".into(),
            ..object(kind, framedb_id, kind, b"\0data\xff")
        };
        set_well(&mut client, sent.clone()).await;
        let expected = GetObjectResponse {
            found: true,
            object: Some(sent),
            message: "Object retrieved successfully".into(),
        };
        assert_eq!(get(&mut client, kind).await, expected);
    }
}

#[tokio::test]
async fn an_object_is_replaced_and_may_change_its_type() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    for (kind, framedb_id) in
        [("storage", "disk"), ("storage", "disk"), ("in-memory", "memory"), ("storage", "disk")]
    {
        set_well(&mut client, object("k", framedb_id, kind, kind.as_bytes())).await;
        let found = get(&mut client, "k").await.object.unwrap();
        assert_eq!((found.data, found.r#type), (kind.into(), kind.to_owned()));
    }
}

#[tokio::test]
async fn a_queue_gives_its_oldest_element_at_each_read() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    for framedb_id in ["memory", "disk"] {
        for element in ["0", "1", "2"] {
            set_well(&mut client, object(framedb_id, framedb_id, "stream", element.as_bytes()))
                .await;
        }
        for element in ["0", "1", "2"] {
            assert_eq!(get(&mut client, framedb_id).await.object.unwrap().data, element);
        }
        let empty = GetObjectResponse {
            found: false,
            object: None,
            message: format!("No data found for key '{framedb_id}'"),
        };
        assert_eq!(get(&mut client, framedb_id).await, empty);
    }
}

#[tokio::test]
async fn an_absent_key_is_generated_and_answered() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    for absent in ["", "  ", "\t\n"] {
        let answer = set(&mut client, object(absent, "disk", "storage", b"x")).await;
        assert!(answer.success);
        let key = answer.key;
        assert_eq!((key.len(), key.matches('-').count()), (36, 4), "{key}");
        assert_eq!(answer.message, format!("Object stored and routed successfully (key={key})"));
        assert_eq!(get(&mut client, &key).await.object.unwrap().data, "x");
    }
}

#[tokio::test]
async fn white_space_around_a_key_is_stripped_when_setting_and_not_when_getting() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    let answer = set(&mut client, object("  a b\n", "disk", "storage", b"x")).await;
    assert_eq!(answer.key, "a b");
    assert_eq!(answer.message, "Object stored and routed successfully (key=a b)");
    assert!(get(&mut client, "a b").await.found);
    let answer = get(&mut client, " a b").await;
    assert_eq!(answer.message, "Object/stream ' a b' not found in routing service");
}

#[tokio::test]
async fn metadata_comes_back_byte_for_byte_and_absent_metadata_is_an_empty_object() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    for metadata in [
        "{'a': 1, 'n': None, 't': (1, 2)}",
        "{ \"a\" : 1.0 ,  \"a\": 2 }",
        "not JSON at all, ü \u{1f980} \0 \r\n",
        " ",
        "null",
    ] {
        let sent = Object { metadata: metadata.into(), ..object("k", "disk", "storage", b"x") };
        set_well(&mut client, sent).await;
        assert_eq!(get(&mut client, "k").await.object.unwrap().metadata, metadata);
    }
    set_well(&mut client, object("k", "disk", "storage", b"x")).await;
    assert_eq!(get(&mut client, "k").await.object.unwrap().metadata, "{}");
}

#[tokio::test]
async fn empty_data_is_data() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    for (kind, framedb_id) in [("in-memory", "memory"), ("storage", "disk"), ("stream", "disk")] {
        set_well(&mut client, object(kind, framedb_id, kind, b"")).await;
        let answer = get(&mut client, kind).await;
        assert_eq!((answer.found, answer.object.unwrap().data.len()), (true, 0), "{kind}");
    }
}

#[tokio::test]
async fn an_object_of_5_mib_is_taken() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    let data = vec![7; 5 << 20];
    set_well(&mut client, object("k", "disk", "storage", &data)).await;
    assert_eq!(node.get("k").await, data);
}

#[tokio::test]
async fn an_object_just_under_4_mib_reaches_a_default_client() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    let key = "k".repeat(Key::new("k").map(|_| 255).unwrap());
    let metadata = "m".repeat(64 << 10);
    let size = (4 << 20) - (64 << 10) - 255 - (2 << 10);
    let sent = Object { metadata, ..object(&key, "disk", "storage", &vec![7; size]) };
    set_well(&mut client, sent.clone()).await;
    assert_eq!(get(&mut client, &key).await.object.unwrap(), sent);
    let sent = Object { data: vec![7; size + 1].into(), ..sent };
    set_well(&mut client, sent).await;
    assert!(!get(&mut client, &key).await.found);
}

#[tokio::test]
async fn objects_of_other_doors_are_read_too() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    let _ = stored(node.ingest(arrival("k").kind(Kind::Storage).meta("{}")).await);
    let found = get(&mut client, "k").await.object.unwrap();
    assert_eq!((&*found.framedb_id, &*found.r#type), ("disk", "storage"));
}
