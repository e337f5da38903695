//! etcd servers of the tests' own: each in a scratch directory, on free ports.

use crate::{process, server::free_port};
use framedb_host::registry::RegistryConfig;
use framedb_tests::Http;
use serde_json::{Value, json};
use std::{
    fs::File,
    net::SocketAddr,
    process::{Child, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;

/// What the names of scratch directories begin with.
const PREFIX: &str = "framedb-etcd-";

/// A running server. It ends with its handle, or with the process.
pub(crate) struct EtcdServer {
    ports: [u16; 2],
    options: Vec<String>,
    child: Option<Child>,
    directory: tempfile::TempDir,
}

/// The server that tests share, each with a prefix of its own.
pub(crate) async fn shared() -> &'static EtcdServer {
    static SHARED: OnceCell<EtcdServer> = OnceCell::const_new();
    SHARED
        .get_or_init(|| {
            process::remove_abandoned(PREFIX);
            EtcdServer::start(&[])
        })
        .await
}

impl EtcdServer {
    /// A server with further options; `DIR` in them is its scratch directory.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let directory = process::scratch(PREFIX);
        let path = directory.path().to_str().unwrap();
        let options = options.iter().map(|option| option.replace("DIR", path)).collect();
        let mut server = Self { ports: [0; 2], options, child: None, directory };
        // Another process may take a port first.
        for _ in 0..10 {
            server.ports = [free_port(), free_port()];
            server.run();
            if server.answers().await {
                return server;
            }
            server.stop();
        }
        let log = std::fs::read_to_string(server.directory.path().join("log")).unwrap_or_default();
        panic!("etcd does not start:\n{log}");
    }

    fn scheme(&self) -> &'static str {
        if self.options.iter().any(|option| option == "--cert-file") { "https" } else { "http" }
    }

    fn run(&mut self) {
        let log = self.directory.path().join("log");
        let log = File::options().create(true).append(true).open(log).unwrap();
        let [client, peer] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let client = format!("{}://{client}", self.scheme());
        let mut command = process::command("etcd");
        command
            .args(["--data-dir", self.directory.path().join("data").to_str().unwrap()])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &format!("http://{peer}")])
            .args(["--initial-advertise-peer-urls", &format!("http://{peer}")])
            .args(["--initial-cluster", &format!("default=http://{peer}")])
            .args(["--log-level", "error"])
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.child = Some(process::spawn(command));
    }

    /// Waits until it serves; `false` when the process has ended.
    async fn answers(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if self.child.as_mut().unwrap().try_wait().unwrap().is_some() {
                return false;
            }
            if self.serves().await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    async fn serves(&self) -> bool {
        if tokio::net::TcpStream::connect(("127.0.0.1", self.ports[0])).await.is_err() {
            return false;
        }
        // What speaks TLS is asked by the node alone.
        self.scheme() == "https"
            || self.http().call("GET /health").await.json()["health"] == json!("true")
    }

    /// Where clients find it.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[0]))
    }

    /// A registry below a prefix of its own.
    pub(crate) fn config(&self) -> RegistryConfig {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let url = format!("etcd://{}/{prefix}", self.address());
        RegistryConfig { url, ..RegistryConfig::default() }
    }

    fn http(&self) -> Http {
        Http::new(self.address())
    }

    /// Calls its API as another client would.
    pub(crate) async fn call(&self, path: &str, body: Value) -> Value {
        self.http().send(&format!("POST /v3/{path}"), &[], body.to_string()).await.json()
    }

    /// Lets the process stand still, so that it answers nobody, or go on.
    pub(crate) fn pause(&self, paused: bool) {
        let signal = if paused { "-STOP" } else { "-CONT" };
        let id = self.child.as_ref().unwrap().id().to_string();
        let status = std::process::Command::new("kill").args([signal, &id]).status();
        assert!(status.unwrap().success());
    }

    /// Ends the process; the ports stay its own.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again after [`EtcdServer::stop`].
    pub(crate) async fn start_again(&mut self) {
        self.run();
        assert!(self.answers().await, "etcd does not start again");
    }
}

impl Drop for EtcdServer {
    fn drop(&mut self) {
        self.stop();
    }
}
