//! Services that an operator switches off.

use crate::routing_objects::{call, data, fails};
use framedb_tests::{TestNode, arrival, stored};

#[tokio::test]
async fn a_service_that_is_switched_off_says_so_and_objects_stay() {
    let node = TestNode::build().config(|config| config.services.routing = false).open().await;
    let http = node.http();
    let _ = stored(node.ingest(arrival("k")).await);
    for line in [
        "GET /framedb/objects",
        "POST /framedb/objects",
        "GET /framedb/objects/k",
        "DELETE /framedb/objects/k",
        "POST /framedb/streams/k/update",
    ] {
        let answer = call(&http, line).await;
        let hint = answer.1["hint"].as_str().unwrap().to_owned();
        fails(answer, 404, "the routing service is switched off on this node");
        assert!(hint.contains("services.routing"), "{hint}");
    }
    assert_eq!(http.call("GET /objects/k").await.body, "payload of k");
    let node = TestNode::build().open().await;
    let _ = stored(node.ingest(arrival("k")).await);
    assert_eq!(data(&node.http(), "/framedb/objects/k").await["framedb_id"], "disk");
}
