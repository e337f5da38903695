//! Masters with replicas and sentinels, clusters, and authorities: what Redis runs as in earnest.

use super::{
    process,
    redis::{PREFIX, RedisServer, free_port},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// The name of the master that sentinels watch.
pub const MASTER: &str = "mymaster";

/// A master, its replicas, and sentinels that watch it.
#[derive(Debug)]
pub struct Replicated {
    /// The master at first, then its replicas.
    pub servers: Vec<RedisServer>,
    /// Three, which agree by two.
    pub sentinels: Vec<RedisServer>,
}

impl Replicated {
    /// A master with two replicas and three sentinels; with a password for all of them, or for
    /// the servers alone.
    pub async fn start(password: Option<&str>, sentinels_too: bool) -> Self {
        // A test may take a database of its own, and a replica that comes back is in step at once.
        let mut options = vec!["--databases", "1000", "--repl-diskless-sync-delay", "0"];
        options.extend(password.iter().flat_map(|p| ["--requirepass", p, "--masterauth", p]));
        let master = RedisServer::start_with(&options);
        let port = master.port().to_string();
        options.extend(["--replicaof", "127.0.0.1", &port]);
        let replicas = [RedisServer::start_with(&options), RedisServer::start_with(&options)];
        let mut lines = vec![
            format!("sentinel monitor {MASTER} 127.0.0.1 {port} 2"),
            format!("sentinel down-after-milliseconds {MASTER} 500"),
            format!("sentinel failover-timeout {MASTER} 4000"),
        ];
        if let Some(password) = password {
            lines.push(format!("sentinel auth-pass {MASTER} {password}"));
            if sentinels_too {
                lines.push(format!("requirepass {password}"));
                lines.push(format!("sentinel sentinel-pass {password}"));
            }
        }
        let sentinels = (0..3).map(|_| RedisServer::sentinel(&lines)).collect();
        let servers = [master].into_iter().chain(replicas).collect();
        let replicated = Self { servers, sentinels };
        let own = password.filter(|_| sentinels_too);
        until(|| {
            replicated.sentinels.iter().all(|sentinel| {
                let known = sentinel.command_as(own, &["SENTINEL", "MASTER", MASTER]);
                field(&known, "num-slaves") == Some("2")
                    && field(&known, "num-other-sentinels") == Some("2")
            })
        })
        .await;
        until(|| {
            let master = replicated.servers.first().unwrap();
            let info = master.command_as(password, &["INFO", "replication"]);
            info.matches("state=online").count() == 2
        })
        .await;
        replicated
    }

    /// Those that tests share; each takes a database of its own.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Replicated> = OnceCell::const_new();
        SHARED
            .get_or_init(|| {
                process::remove_abandoned(PREFIX);
                Self::start(None, false)
            })
            .await
    }

    /// The address of the master behind the sentinels, with what stands before the hosts and
    /// behind them.
    pub fn url(&self, login: &str, path: &str) -> String {
        format!("redis-sentinel://{login}{}/{path}", hosts(&self.sentinels))
    }

    /// The server that sentinels name as the master.
    pub fn master(&self) -> &RedisServer {
        let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER];
        let named = self.sentinels.first().unwrap().command(&question);
        let is_named = |server: &&RedisServer| named.ends_with(&server.port().to_string());
        self.servers.iter().find(is_named).unwrap()
    }

    /// The server with this port.
    pub fn at(&mut self, port: u16) -> &mut RedisServer {
        self.servers.iter_mut().find(|server| server.port() == port).unwrap()
    }
}

/// Servers that form a cluster.
#[derive(Debug)]
pub struct Cluster {
    /// Its primaries, then replicas that were added.
    pub servers: Vec<RedisServer>,
}

impl Cluster {
    /// A cluster of so many primaries, which share the slots.
    pub async fn start(primaries: usize) -> Self {
        let servers: Vec<RedisServer> = (0..primaries).map(|_| Self::server()).collect();
        let first = servers.first().unwrap();
        for (n, server) in servers.iter().enumerate() {
            let range = [16_384 * n / primaries, 16_384 * (n + 1) / primaries - 1];
            let [from, to] = range.map(|slot| slot.to_string());
            assert_eq!(server.command(&["CLUSTER", "ADDSLOTSRANGE", &from, &to]), "+OK");
            let epoch = (n + 1).to_string();
            assert_eq!(server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]), "+OK");
            server.meet(first);
        }
        let cluster = Self { servers };
        cluster.settled().await;
        cluster
    }

    /// Adds a replica of the primary with this number.
    pub async fn add_replica(&mut self, primary: usize) {
        let replica = Self::server();
        replica.meet(&self.servers[primary]);
        let id = self.servers[primary].id();
        // The primary is known once they have met.
        until(|| replica.command(&["CLUSTER", "REPLICATE", &id]) == "+OK").await;
        until(|| {
            let info = self.servers[primary].command(&["INFO", "replication"]);
            info.contains("state=online")
        })
        .await;
        self.servers.push(replica);
        self.settled().await;
    }

    /// The cluster that tests share, emptied, for one of them.
    pub async fn shared() -> (&'static Self, MutexGuard<'static, ()>) {
        static SHARED: OnceCell<Cluster> = OnceCell::const_new();
        static TURN: Mutex<()> = Mutex::const_new(());
        let cluster = SHARED
            .get_or_init(|| {
                process::remove_abandoned(PREFIX);
                Self::start(3)
            })
            .await;
        let turn = TURN.lock().await;
        for server in &cluster.servers {
            assert_eq!(server.command(&["FLUSHALL"]), "+OK");
        }
        (cluster, turn)
    }

    /// A URL that names its first server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis-cluster://{}", hosts(&self.servers))
    }

    /// Waits until every server finds every other one well.
    async fn settled(&self) {
        let mut met = Instant::now();
        until(|| {
            // Redis gives a handshake up that takes a second, as it may on a busy machine.
            if met.elapsed() > Duration::from_secs(3)
                && let Some((first, others)) = self.servers.split_first()
            {
                others.iter().for_each(|server| server.meet(first));
                met = Instant::now();
            }
            self.servers.iter().all(|server| {
                let info = server.command(&["CLUSTER", "INFO"]);
                let known = format!("cluster_known_nodes:{}\r", self.servers.len());
                info.contains("cluster_state:ok") && info.contains(&known)
            })
        })
        .await;
    }

    fn server() -> RedisServer {
        // The bus would be 10,000 ports further, where there may be no port.
        let bus = free_port().to_string();
        let options = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"];
        let timing = ["--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"];
        RedisServer::start_with(&[&options[..], &timing, &["--cluster-port", &bus]].concat())
    }
}

/// A server as a member of a cluster.
pub trait Member {
    /// Its id.
    fn id(&self) -> String;

    /// Makes it known to another member.
    fn meet(&self, other: &Self);

    /// The port that members speak to each other at.
    fn bus(&self) -> String;
}

impl Member for RedisServer {
    fn id(&self) -> String {
        let reply = self.command(&["CLUSTER", "MYID"]);
        reply.lines().last().unwrap().to_owned()
    }

    fn meet(&self, other: &Self) {
        if self.port() != other.port() {
            let (port, bus) = (other.port().to_string(), other.bus());
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &port, &bus];
            assert_eq!(self.command(&meet), "+OK");
        }
    }

    fn bus(&self) -> String {
        let reply = self.command(&["CONFIG", "GET", "cluster-port"]);
        reply.lines().last().unwrap().to_owned()
    }
}

/// An authority that nobody knows, and a server whose certificate it signed.
#[derive(Debug)]
pub struct Tls {
    /// The server.
    pub server: RedisServer,
    /// The port for TLS.
    pub port: u16,
    directory: tempfile::TempDir,
}

impl Tls {
    /// A server with a certificate for this host, and further arguments.
    pub fn start(host: &str, arguments: &[&str]) -> Self {
        let directory = process::scratch(PREFIX);
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&key).unwrap();
        let issuer = Issuer::new(authority, key);
        let own = KeyPair::generate().unwrap();
        let signed = CertificateParams::new([host.to_owned()]).unwrap();
        let signed = signed.signed_by(&own, &issuer).unwrap();
        let files = Self::files_in(&directory);
        let texts = [certificate.pem(), signed.pem(), own.serialize_pem()];
        for ([_, file], text) in files.iter().zip(texts) {
            std::fs::write(file, text).unwrap();
        }
        let port = free_port();
        let named = files.map(|[name, file]| [format!("--{name}"), file]).concat();
        let mut all: Vec<&str> = named.iter().map(String::as_str).collect();
        let text = port.to_string();
        all.extend(["--tls-port", &text, "--tls-auth-clients", "no"]);
        all.extend(arguments);
        Self { server: RedisServer::start_with(&all), port, directory }
    }

    /// The settings of servers that name its files, with the files.
    pub fn files(&self) -> [[String; 2]; 3] {
        Self::files_in(&self.directory)
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> String {
        let [[_, authority], ..] = self.files();
        authority
    }

    fn files_in(directory: &tempfile::TempDir) -> [[String; 2]; 3] {
        ["tls-ca-cert-file", "tls-cert-file", "tls-key-file"].map(|name| {
            let path = directory.path().join(name).with_extension("pem");
            [name.to_owned(), path.to_str().unwrap().to_owned()]
        })
    }
}

fn hosts(servers: &[RedisServer]) -> String {
    let hosts = servers.iter().map(|server| format!("127.0.0.1:{}", server.port()));
    hosts.collect::<Vec<_>>().join(",")
}

/// What stands behind a name in a list of names and values.
fn field<'a>(reply: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = reply.lines();
    lines.find(|line| *line == name)?;
    lines.nth(1)
}

/// Waits until servers have found each other.
async fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "the servers do not come together");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
