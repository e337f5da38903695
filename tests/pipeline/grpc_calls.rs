//! `resolve-grpc`, the plugin that comes with the node, against a service of tonic's.

use framedb_core::{FailureClass, Kind};
use framedb_tests::{
    Build, Describe, TestNode, arrival, component, eventually, failure,
    proto::resolve::{
        Kind as Said, PlaceRequest, PlaceResponse, Placement, Retry, Verdict,
        resolver_server::{Resolver, ResolverServer},
        verdict::Verdict as Case,
    },
    stored,
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, sync::oneshot};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// A service of a user's own: an object's metadata says what it answers.
#[derive(Debug, Default, Clone)]
struct Service {
    calls: Arc<AtomicUsize>,
    /// The last request.
    asked: Arc<Mutex<PlaceRequest>>,
}

#[tonic::async_trait]
impl Resolver for Service {
    async fn place(
        &self,
        request: Request<PlaceRequest>,
    ) -> Result<Response<PlaceResponse>, Status> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let request = request.into_inner();
        *self.asked.lock().unwrap() = request.clone();
        let mut verdicts = Vec::new();
        for object in &request.objects {
            let (word, rest) = object.metadata.split_once(' ').unwrap_or((&object.metadata, ""));
            verdicts.push(Verdict {
                verdict: match word {
                    "at" => Some(Case::Place(Placement {
                        framedb_id: rest.into(),
                        ..Placement::default()
                    })),
                    "queue" => Some(Case::Place(Placement {
                        framedb_id: "memory".into(),
                        kind: Said::Stream.into(),
                        key: rest.into(),
                        time_to_live_ms: 0,
                    })),
                    "reject" => Some(Case::Reject(rest.into())),
                    "drop" => Some(Case::Drop(rest.into())),
                    "twice" if object.attempt == 1 => {
                        Some(Case::Retry(Retry { reason: "later".into(), after_ms: 1 }))
                    }
                    "twice" => Some(Case::Place(Placement {
                        framedb_id: "disk".into(),
                        ..Placement::default()
                    })),
                    "nothing" => None,
                    "fail" => return Err(Status::unavailable("closed today")),
                    "slow" => std::future::pending().await,
                    "short" => continue,
                    _ => Some(Case::Place(Placement::default())),
                },
            });
        }
        Ok(Response::new(PlaceResponse { verdicts }))
    }
}

/// A service on a free port, until it is dropped.
struct Running {
    service: Service,
    port: u16,
    /// Tells it to end, with its connections.
    _shutdown: oneshot::Sender<()>,
}

impl Running {
    async fn start() -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn serve(listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        let service = Service::default();
        let server = Server::builder().add_service(ResolverServer::new(service.clone()));
        let (shutdown, told) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let told = async {
                let _ = told.await;
            };
            let incoming = TcpListenerStream::new(listener);
            server.serve_with_incoming_shutdown(incoming, told).await.unwrap();
        });
        Self { service, port, _shutdown: shutdown }
    }

    fn calls(&self) -> usize {
        self.service.calls.load(Ordering::Relaxed)
    }

    fn node(&self, settings: &[(&str, Value)]) -> Build {
        let grant = json!({
            "host": "127.0.0.1", "ports": [self.port], "schemes": ["http"],
            "plaintext-http2": true, "paths": ["/framedb.resolve.v1.Resolver"],
        });
        let grants = serde_json::from_value(json!({ "http": { "routes": grant } })).unwrap();
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        TestNode::build()
            .plugin("resolve-grpc", component("resolve-grpc"), |plugin| {
                plugin.grants = grants;
                plugin.settings.insert("grpc_address".into(), "http://routes".into());
                plugin.settings.extend(settings);
            })
            .pipeline("default", |pipeline| pipeline.resolve = Some("resolve-grpc".into()))
    }
}

/// Where an object was stored.
async fn place(node: &TestNode, metadata: &str) -> String {
    let receipt = stored(node.ingest(arrival("a").meta(metadata.to_owned())).await);
    receipt.framedb_id.unwrap().to_string()
}

#[tokio::test]
async fn a_batch_is_one_call_and_each_object_goes_where_the_service_says() {
    let running = Running::start().await;
    let node = running.node(&[]).start().await;
    let receipts = node
        .ingest_all([
            arrival("a").meta("at disk".to_owned()),
            arrival("b").meta("at memory".to_owned()).kind(Kind::InMemory),
            arrival("c").meta("queue jobs".to_owned()),
            arrival("d").meta("reject not here".to_owned()),
            arrival("e").meta("drop not needed".to_owned()),
            arrival("f").to("disk").source("cam-1"),
        ])
        .await;
    assert_eq!(running.calls(), 1);
    let asked = running.service.asked.lock().unwrap().objects.clone();
    let last = asked.last().unwrap();
    assert_eq!((last.key.as_str(), last.framedb_id.as_str()), ("f", "disk"));
    assert_eq!((last.source.as_str(), last.attempt), ("cam-1", 1));
    let at = |n: usize| stored(receipts[n].clone()).framedb_id.unwrap().to_string();
    assert_eq!([at(0), at(1), at(2), at(5)], ["disk", "memory", "memory", "disk"]);
    assert_eq!(&*stored(receipts[2].clone()).key, "jobs");
    let refused = failure(receipts[3].clone());
    assert_eq!((refused.class, refused.message.contains("not here")), (FailureClass::Reject, true));
    assert!(node.found("e").await.is_none());
}

#[tokio::test]
async fn the_service_may_ask_for_another_try() {
    let running = Running::start().await;
    let node = running.node(&[]).start().await;
    assert_eq!(place(&node, "twice").await, "disk");
    assert_eq!(running.calls(), 2);
}

#[tokio::test]
async fn without_an_answer_the_fallback_counts() {
    let running = Running::start().await;
    let rejects = running.node(&[("grpc_fallback", "reject".into())]).start().await;
    let places = running.node(&[("grpc_fallback", "memory in-memory".into())]).start().await;
    let waits = running
        .node(&[])
        .config(|config| config.limits.deadline = Duration::from_secs(1))
        .start()
        .await;
    for (metadata, why) in [
        ("fail", "closed today"),
        ("nothing", "it has no verdict for this object"),
        ("short", "it answered 0 verdicts for 1 objects"),
    ] {
        let arrival = || arrival("a").meta(metadata.to_owned());
        let refused = failure(rejects.ingest(arrival()).await);
        assert_eq!(refused.class, FailureClass::Reject, "{}", refused.message);
        assert!(refused.message.contains(why), "{}", refused.message);
        assert_eq!(place(&places, metadata).await, "memory");
    }
    let late = failure(waits.ingest(arrival("a").meta("fail".to_owned())).await);
    assert!(late.message.contains("closed today"), "{}", late.message);
    assert!(running.calls() > 7, "{}", running.calls());
}

#[tokio::test]
async fn a_slow_service_is_given_up_and_objects_beside_the_batch_are_stored() {
    let running = Running::start().await;
    let settings = [("grpc_timeout_ms", json!(100)), ("grpc_fallback", json!("memory in-memory"))];
    let node = running.node(&settings).start().await;
    let objects = [arrival("slow").meta("slow".to_owned()), arrival("beside")];
    for receipt in node.ingest_all(objects).await {
        assert_eq!(stored(receipt).framedb_id.unwrap().to_string(), "memory");
    }
    let rejects = running
        .node(&[("grpc_timeout_ms", json!(50)), ("grpc_fallback", "reject".into())])
        .start()
        .await;
    let refused = failure(rejects.ingest(arrival("slow").meta("slow".to_owned())).await);
    assert!(refused.message.contains("http response timeout"), "{}", refused.message);
}

#[tokio::test]
async fn a_service_that_comes_back_is_asked_again() {
    let running = Running::start().await;
    let node = running.node(&[("grpc_fallback", "memory in-memory".into())]).start().await;
    assert_eq!(place(&node, "at disk").await, "disk");
    let port = running.port;
    drop(running);
    let gone = async || (place(&node, "at disk").await == "memory").then_some(());
    eventually("the service is gone", gone).await;
    let listener =
        eventually("the port is free", async || TcpListener::bind(("127.0.0.1", port)).await.ok())
            .await;
    let _running = Running::serve(listener);
    let back = async || (place(&node, "at disk").await == "disk").then_some(());
    eventually("the service is asked again", back).await;
}

#[tokio::test]
async fn a_service_at_another_path_or_without_a_grant_is_not_asked() {
    let running = Running::start().await;
    let node = running
        .node(&[("grpc_fallback", "reject".into())])
        .configure("resolve-grpc", |plugin| {
            let grant = plugin.grants.http.get_mut("routes").unwrap();
            grant.paths = vec!["/other.Service".to_owned().try_into().unwrap()];
        })
        .start()
        .await;
    let refused = failure(node.ingest(arrival("a").meta("at disk".to_owned())).await);
    assert!(refused.message.contains("/framedb.resolve.v1.Resolver"), "{}", refused.message);
    assert_eq!(running.calls(), 0);
    let ungranted = running
        .node(&[])
        .configure("resolve-grpc", |plugin| plugin.grants.http.clear())
        .try_start()
        .await
        .err()
        .unwrap();
    let hint = ungranted.hint().unwrap();
    assert!(hint.contains("[plugins.resolve-grpc.grants.http.LABEL]"), "{hint}");
}
