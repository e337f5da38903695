//! What the tests of source mappings share: nodes with clusters, requests, and a subscriber.

use crate::replicated::Replicated;
use framedb_host::ClusterConfig;
use framedb_tests::{Build, Http, TestNode, within};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::{TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
};

/// The tag of the nodes whose sources are mapped.
pub(crate) const TAG: &str = "edge-1";

/// A node with clusters of these names, all behind the same sentinels.
pub(crate) fn with_clusters(replicated: &Replicated, names: &[&str]) -> Build {
    let sentinels: Vec<String> =
        replicated.sentinels.iter().map(|s| format!("127.0.0.1:{}", s.port())).collect();
    let sentinels: Vec<&str> = sentinels.iter().map(String::as_str).collect();
    let cluster = ClusterConfig::at(TAG, &sentinels);
    names.iter().fold(TestNode::build(), |build, name| with_cluster(build, name, cluster.clone()))
}

/// Adds a cluster.
pub(crate) fn with_cluster(build: Build, name: &str, cluster: ClusterConfig) -> Build {
    build.config(|config| drop(config.clusters.insert(name.into(), cluster)))
}

/// Publishes updates at a URL.
pub(crate) fn publishing_at(build: Build, url: String) -> Build {
    build.config(|config| config.sources.pubsub_url = Some(url))
}

/// Sends a request; the answer, whose status is always 200.
pub(crate) async fn call(http: &Http, path: &str, body: Value) -> Value {
    let headers = [("content-type", "application/json")];
    let answer = http.send(&format!("POST {path}"), &headers, body.to_string()).await;
    assert_eq!(answer.status.as_u16(), 200, "{path}: {answer:?}");
    answer.json()
}

/// The result of a request that succeeds.
pub(crate) async fn result(http: &Http, path: &str, body: Value) -> Value {
    let answer = call(http, path, body).await;
    assert_eq!(answer["success"], true, "{path}: {answer}");
    answer["result"].clone()
}

/// Why a request fails.
pub(crate) async fn refused(http: &Http, path: &str, body: Value) -> String {
    let answer = call(http, path, body).await;
    assert_eq!(answer["success"], false, "{path}: {answer}");
    answer["errorData"].as_str().unwrap().to_owned()
}

/// Maps a source on the nodes of [`TAG`].
pub(crate) async fn create(http: &Http, source: &str) -> Value {
    result(http, "/routing/createMapping", json!({ "sourceId": source, "nodeTag": TAG })).await
}

/// The only target of a source.
pub(crate) async fn target(http: &Http, source: &str) -> Value {
    let mapping = result(http, "/routing/getMapping", json!({ "sourceId": source })).await;
    assert_eq!((&mapping["sourceId"], &mapping["nodeTags"]), (&json!(source), &json!([TAG])));
    mapping["framedbNodes"][0].clone()
}

/// A producer that listens to the updates of sources.
pub(crate) struct Subscriber {
    lines: Lines<BufReader<OwnedReadHalf>>,
    // Closed with it.
    _requests: OwnedWriteHalf,
}

impl Subscriber {
    /// Subscribes at a Redis, and waits until that is confirmed.
    pub(crate) async fn of(sources: &[&str], port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (reader, mut requests) = stream.into_split();
        let channels: Vec<_> = sources.iter().map(|s| format!("{s}__routing_updates")).collect();
        let request = format!("SUBSCRIBE {}\r\n", channels.join(" "));
        requests.write_all(request.as_bytes()).await.unwrap();
        let mut subscriber = Self { lines: BufReader::new(reader).lines(), _requests: requests };
        for channel in channels {
            let confirmed = subscriber.reply().await;
            assert_eq!((confirmed[0].as_str(), &confirmed[1]), ("subscribe", &channel));
        }
        subscriber
    }

    /// The next update: the source, and the message.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        let [kind, channel, message] = self.reply().await;
        assert_eq!(kind, "message");
        let source = channel.strip_suffix("__routing_updates").unwrap().to_owned();
        (source, serde_json::from_str(&message).unwrap())
    }

    /// The three texts of a reply; lengths are skipped.
    async fn reply(&mut self) -> [String; 3] {
        let mut texts = Vec::new();
        while texts.len() < 3 {
            let line = within("an update", self.lines.next_line()).await.unwrap().unwrap();
            if !line.starts_with(['*', '$']) {
                texts.push(line);
            }
        }
        texts.try_into().unwrap()
    }
}
