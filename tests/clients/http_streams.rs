//! The HTTP door: queues.

use framedb_tests::{TestNode, misbehaving};
use serde_json::json;

#[tokio::test]
async fn elements_are_pushed_and_popped_in_order() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for instance in ["memory", "disk"] {
        for n in 0..3 {
            let line = format!("POST /streams/q-{instance}?framedb_id={instance}");
            let headers = [("x-framedb-metadata", "m"), ("content-type", "text/x-mine")];
            let receipt = http.send(&line, &headers, format!("element {n}")).await.json();
            assert_eq!((&receipt["success"], &receipt["type"]), (&json!(true), &json!("stream")));
        }
        for n in 0..3 {
            let answer = http.call(&format!("POST /streams/q-{instance}/pop")).await;
            assert_eq!((answer.status.as_u16(), answer.body), (200, format!("element {n}").into()));
            let of = |name| answer.headers.get(name).unwrap();
            assert_eq!(
                (of("x-framedb-metadata"), of("content-type")),
                (&"m".parse().unwrap(), &"text/x-mine".parse().unwrap())
            );
            assert_eq!(of("x-framedb-deliveries"), "1");
        }
        let empty = http.call(&format!("POST /streams/q-{instance}/pop")).await;
        assert_eq!((empty.status.as_u16(), empty.body.len()), (204, 0));
    }
}

#[tokio::test]
async fn a_leased_element_is_acknowledged_or_returned() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for element in ["first", "second"] {
        let _ = http.send("POST /streams/q", &[], element).await;
    }
    let leased = http.call("POST /streams/q/lease?for=1m").await;
    assert_eq!((&*leased.body, leased.header("x-framedb-deliveries")), (&b"first"[..], "1"));
    let token = leased.header("x-framedb-token").to_owned();
    let length = http.call("GET /streams/q").await.json();
    assert_eq!((&length["ready"], &length["leased"]), (&json!(1), &json!(1)));
    let answer = http.call(&format!("POST /streams/q/extend?token={token}&for=2m")).await;
    assert_eq!(answer.json(), json!({ "success": true, "queue": "q" }));
    let answer = http.call(&format!("POST /streams/q/nack?token={token}")).await;
    assert_eq!(answer.status.as_u16(), 200);
    // It is the oldest again.
    let again = http.call("POST /streams/q/lease").await;
    assert_eq!((&*again.body, again.header("x-framedb-deliveries")), (&b"first"[..], "2"));
    let ended = http.call(&format!("POST /streams/q/ack?token={token}")).await;
    assert_eq!(ended.status.as_u16(), 409);
    assert_eq!(ended.json()["error"], "the lease on an element of `q` has ended");
    let token = again.header("x-framedb-token");
    assert_eq!(http.call(&format!("POST /streams/q/ack?token={token}")).await.status.as_u16(), 200);
    assert_eq!(http.call("POST /streams/q/pop").await.body, "second");
}

#[tokio::test]
async fn a_lease_that_ends_returns_its_element() {
    let node = TestNode::build().open().await;
    let http = node.http();
    let _ = http.send("POST /streams/q", &[], "element").await;
    assert_eq!(http.call("POST /streams/q/lease?for=20ms").await.body, "element");
    let popped = framedb_tests::eventually("the element is back", async || {
        let popped = http.call("POST /streams/q/pop").await;
        (popped.status.as_u16() == 200).then_some(popped)
    })
    .await;
    assert_eq!((&*popped.body, popped.header("x-framedb-deliveries")), (&b"element"[..], "2"));
}

#[tokio::test]
async fn queues_named_like_actions_and_with_slashes_are_reached() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for path in ["pop", "a/b", "a%2Fpop", "%C3%BC%20x"] {
        let pushed = http.send(&format!("POST /streams/{path}"), &[], "x").await;
        assert_eq!(pushed.json()["success"], true, "{path}");
        assert_eq!(http.call(&format!("POST /streams/{path}/pop")).await.body, "x", "{path}");
    }
}

#[tokio::test]
async fn a_queue_is_deleted_with_its_elements() {
    let node = TestNode::build().open().await;
    let http = node.http();
    let _ = http.send("POST /streams/q", &[], "x").await;
    assert_eq!(
        http.call("DELETE /streams/q").await.json(),
        json!({ "success": true, "queue": "q" })
    );
    assert_eq!(node.queue_length("memory", "q").await, 0);
    let again = http.call("DELETE /streams/q").await;
    assert_eq!(again.status.as_u16(), 404);
    assert_eq!(again.json()["error"], "there is no queue `q`");
    let _ = http.send("PUT /objects/o", &[], "x").await;
    assert_eq!(http.call("DELETE /streams/o").await.status.as_u16(), 409);
}

#[tokio::test]
async fn changed_elements_come_out_restored() {
    let node = misbehaving().open().await;
    let http = node.http();
    let headers = [("x-framedb-metadata", r#"{"serialize":"reverse"}"#)];
    let receipt = http.send("POST /streams/q", &headers, "abc").await.json();
    assert_eq!(receipt["codec"], "reverse/1");
    assert_eq!(http.call("POST /streams/q/pop").await.body, "abc");
}
