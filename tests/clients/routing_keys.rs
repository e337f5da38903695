//! Keys in URLs as clients paste them, unescaped (contract section 4, defect D24).

use crate::routing_objects::{call, data, fails, register, send};
use framedb_tests::TestNode;
use serde_json::json;

#[tokio::test]
async fn odd_keys_are_found_where_clients_look_for_them() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for (key, path) in [
        ("a/b", "a/b"),
        ("a b", "a%20b"),
        ("ü", "%C3%BC"),
        ("cam?1?0__5", "cam?1?0__5"),
        ("a+b&c=d", "a+b&c=d"),
        ("a//b/", "a//b/"),
        ("a/update", "a/update"),
        ("a/copy-exists", "a/copy-exists"),
        ("50%", "50%25"),
        ("5%off", "5%25off"),
        ("update", "update"),
    ] {
        register(&http, key, "far").await;
        let path = format!("/framedb/objects/{path}");
        assert_eq!(data(&http, &path).await["object_id"], key);
        let update = json!({ "metadata": key });
        assert_eq!(send(&http, &format!("POST {path}/update"), update).await.0, 200, "{key}");
        assert_eq!(data(&http, &path).await["metadata"], key);
        let copy = json!({ "framedb_id": "a copy", "framedb_type": "memory" });
        assert_eq!(send(&http, &format!("POST {path}/add-copy"), copy.clone()).await.0, 200);
        let exists = format!("GET {path}/copy-exists/a%20copy");
        assert_eq!(call(&http, &exists).await.0, 200, "{key}");
        assert_eq!(send(&http, &format!("POST {path}/remove-copy"), copy).await.0, 200);
        assert_eq!(call(&http, &format!("DELETE {path}")).await.0, 200, "{key}");
        fails(call(&http, &format!("GET {path}")).await, 404, "No document found");
    }
    assert_eq!(node.node().registry.count().await.unwrap(), 0);
}

#[tokio::test]
async fn an_escaped_slash_is_a_slash_of_the_key() {
    let node = TestNode::build().open().await;
    let http = node.http();
    register(&http, "a/b", "far").await;
    assert_eq!(data(&http, "/framedb/objects/a%2Fb").await["object_id"], "a/b");
    // What is escaped ends the key, and says nothing of what is to be done with it.
    fails(call(&http, "POST /framedb/objects/a%2Fupdate").await, 405, "does not take POST");
}

#[tokio::test]
async fn keys_that_nothing_is_stored_under_are_absent() {
    let node = TestNode::build().open().await;
    let http = node.http();
    let long = "x".repeat(256);
    for path in ["x%23y", "%2E%2E/a", "%FF", "a%00", &long] {
        let path = format!("/framedb/objects/{path}");
        fails(call(&http, &format!("GET {path}")).await, 404, "No document found");
        fails(call(&http, &format!("DELETE {path}")).await, 404, "No document found to delete");
        let update = send(&http, &format!("POST {path}/update"), json!({ "size": 1 })).await;
        fails(update, 400, "No document found to update");
        fails(call(&http, &format!("GET {path}/copy-exists/c")).await, 404, "Copy does not exist");
    }
    fails(call(&http, "GET /framedb/objects/").await, 404, "no path");
    fails(call(&http, "GET /framedb/nowhere").await, 404, "no path");
    fails(call(&http, "PUT /framedb/objects").await, 405, "does not take PUT");
    fails(call(&http, "POST /framedb/objects/k").await, 405, "does not take POST");
}
