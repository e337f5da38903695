//! `TestNode`: a whole node in this process, over a scratch directory.

use crate::{
    Http,
    arrival::key,
    build::{Build, GRACE},
    proto,
    wait::within,
};
use bytes::Bytes;
use framedb_core::Receipt;
use framedb_host::{
    Element, Found, Node, Reader, Result, Serving, Worker,
    pipeline::{Answer, Arrival, Ingress, Reply},
};
use std::{collections::HashMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tonic::transport::Channel;

/// A node in this process.
#[derive(Debug)]
pub struct TestNode {
    node: Arc<Node>,
    running: Running,
    // Dropped last, after what writes there.
    directory: Arc<TempDir>,
}

#[derive(Debug)]
enum Running {
    /// Objects come from code alone.
    Closed(Worker),
    /// The doors are open.
    Open {
        grpc: SocketAddr,
        http: SocketAddr,
        shutdown: oneshot::Sender<()>,
        serving: JoinHandle<Result<()>>,
    },
}

impl TestNode {
    /// A node with the default instances, no plugins, and doors on free ports.
    #[must_use]
    pub fn build() -> Build {
        Build::new()
    }

    pub(crate) fn closed(directory: Arc<TempDir>, worker: Worker) -> Self {
        let node = worker.node().clone();
        Self { directory, node, running: Running::Closed(worker) }
    }

    pub(crate) fn open(directory: Arc<TempDir>, serving: Serving) -> Self {
        let (grpc, http) = serving.addresses();
        let node = serving.worker().node().clone();
        let (shutdown, told) = oneshot::channel();
        let serving = tokio::spawn(serving.serve(async {
            let _ = told.await;
        }));
        let (grpc, http) = (grpc.unwrap(), http.unwrap());
        Self { directory, node, running: Running::Open { grpc, http, shutdown, serving } }
    }

    /// Ingests one object.
    pub async fn ingest(&self, arrival: Arrival) -> Receipt {
        within("ingesting an object", self.ingress().ingest(arrival)).await
    }

    /// Ingests objects in one batch; their receipts in the order of the objects. Every object
    /// gets an id, by which its receipt is found.
    ///
    /// They are in one batch because nothing else runs between their submissions, on the
    /// runtime of one thread that tests have.
    pub async fn ingest_all(&self, arrivals: impl IntoIterator<Item = Arrival>) -> Vec<Receipt> {
        let (answers, mut receiver) = mpsc::unbounded_channel::<Answer>();
        let mut ids = Vec::new();
        for (n, mut arrival) in arrivals.into_iter().enumerate() {
            if arrival.id.is_empty() {
                arrival.id = format!("object-{n}");
            }
            ids.push(arrival.id.clone());
            let permit = self.ingress().admission().try_admit(arrival.data.len() as u64);
            self.ingress().submit(arrival, permit.unwrap(), Reply::Stream(answers.clone())).await;
        }
        drop(answers);
        let mut receipts = HashMap::new();
        while let Some(answer) = within("a receipt", receiver.recv()).await {
            receipts.insert(answer.receipt.id.to_string(), answer.receipt);
        }
        ids.iter().map(|id| receipts.remove(id).unwrap()).collect()
    }

    /// Reads an object.
    pub async fn found(&self, name: &str) -> Option<Found> {
        self.reader().get(&key(name)).await.unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    /// Reads the payload of an object that is there.
    pub async fn get(&self, name: &str) -> Bytes {
        let found = self.found(name).await;
        found.unwrap_or_else(|| panic!("there is no `{name}`")).data
    }

    /// Takes the oldest element out of a queue.
    pub async fn pop(&self, queue: &str) -> Option<Element> {
        let popped = self.reader().pop(&key(queue), None).await;
        popped.unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    /// The payloads of all elements of a queue, taken out.
    pub async fn drain_queue(&self, queue: &str) -> Vec<String> {
        let mut elements = Vec::new();
        while let Some(element) = self.pop(queue).await {
            elements.push(String::from_utf8(element.data.to_vec()).unwrap());
        }
        elements
    }

    /// The bytes that an instance keeps under a key, as they are.
    pub async fn stored_bytes(&self, framedb_id: &str, name: &str) -> Option<Bytes> {
        let store = &self.node.instances.get(framedb_id).await.unwrap().objects;
        store.get(&[key(name)]).await.pop().unwrap().unwrap()
    }

    /// How many elements wait in a queue of an instance, whatever its route says.
    pub async fn queue_length(&self, framedb_id: &str, queue: &str) -> u64 {
        let queues = self.node.instances.get(framedb_id).await.unwrap().queue.clone().unwrap();
        queues.length(&key(queue)).await.unwrap().ready
    }

    /// The sum of a counter over all its labels that contain `labels`.
    #[must_use]
    pub fn counted(&self, metric: &str, labels: &str) -> u64 {
        let text = self.node.telemetry.render();
        let lines = text.lines().filter(|line| line.starts_with(metric) && line.contains(labels));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
    }

    /// The way in.
    #[must_use]
    pub fn ingress(&self) -> &Ingress {
        &self.node.ingress
    }

    /// The way out.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.node.reader
    }

    /// The node's parts.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The scratch directory, which holds the data directory.
    #[must_use]
    pub fn directory(&self) -> &Arc<TempDir> {
        &self.directory
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.node.config.data_dir
    }

    /// A client of the HTTP door.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::new(self.http_address())
    }

    /// The address of the HTTP door.
    #[must_use]
    pub fn http_address(&self) -> SocketAddr {
        match &self.running {
            Running::Open { http, .. } => *http,
            Running::Closed(_) => panic!("the doors are closed"),
        }
    }

    /// A connection to the gRPC door.
    pub async fn channel(&self) -> Channel {
        let Running::Open { grpc, .. } = &self.running else { panic!("the doors are closed") };
        Channel::from_shared(format!("http://{grpc}")).unwrap().connect().await.unwrap()
    }

    /// The client of existing services, with a default client's limits.
    pub async fn object_service(
        &self,
    ) -> proto::framedb::object_service_client::ObjectServiceClient<Channel> {
        proto::framedb::object_service_client::ObjectServiceClient::new(self.channel().await)
    }

    /// The client of the node's own service.
    pub async fn edge(&self) -> proto::edge::ingest_client::IngestClient<Channel> {
        proto::edge::ingest_client::IngestClient::new(self.channel().await)
            .max_decoding_message_size(usize::MAX)
    }

    /// Tells the node to stop; the returned task ends when it has.
    #[must_use]
    pub fn begin_stop(self) -> JoinHandle<Arc<TempDir>> {
        self.begin_stop_within(GRACE)
    }

    /// Tells a node with closed doors to stop within a time.
    #[must_use]
    pub fn begin_stop_within(self, grace: Duration) -> JoinHandle<Arc<TempDir>> {
        let Self { directory, node, running } = self;
        drop(node);
        tokio::spawn(async move {
            match running {
                Running::Closed(worker) => worker.drain(grace).await,
                Running::Open { shutdown, serving, .. } => {
                    let _ = shutdown.send(());
                    serving.await.unwrap().unwrap();
                }
            }
            directory
        })
    }

    /// Stops the node after what it accepted; its directory serves another one.
    pub async fn stop(self) -> Arc<TempDir> {
        within("stopping a node", self.begin_stop()).await.unwrap()
    }
}
