//! `Node`: what the demo talks to.

use super::process::{LOOK, Process};
use crate::cargo;
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long a start may take: without optimisation, plugins compile slowly the first time.
const START: Duration = Duration::from_secs(180);
/// How long the end may take: the node's own grace period, and some more.
const STOP: Duration = Duration::from_secs(40);

/// A running node; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Node {
    process: Process,
    doors: Doors,
    ready_after: Duration,
}

/// A node that goes on after the demo.
#[derive(Debug)]
pub(crate) struct Kept {
    pid: u32,
    folder: PathBuf,
    doors: Doors,
}

/// Where the node listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doors {
    grpc: SocketAddr,
    http: SocketAddr,
}

impl Node {
    /// Starts a node with a fresh data directory, and waits until its doors are open.
    pub(crate) async fn start(binary: &Path) -> Result<Self> {
        let started = Instant::now();
        let mut process = Process::spawn(binary, &configuration()?)?;
        let file = process.data_dir().join("node.json");
        loop {
            if let Some(doors) = doors(&fs::read_to_string(&file).unwrap_or_default()) {
                return Ok(Self { process, doors, ready_after: started.elapsed() });
            }
            if let Some(status) = process.ended()? {
                bail!("the node ended with {status} before it was ready{}", process.tail());
            }
            ensure!(started.elapsed() < START, "the node is not ready yet{}", process.tail());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Where it takes objects.
    pub(crate) fn grpc(&self) -> SocketAddr {
        self.doors.grpc
    }

    /// How long the start took.
    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Asks it to end, and waits until it has ended well.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.process.terminate()?;
        let asked = Instant::now();
        loop {
            if let Some(status) = self.process.ended()? {
                ensure!(status.success(), "the node ended with {status}{}", self.process.tail());
                return Ok(());
            }
            ensure!(asked.elapsed() < STOP, "the node did not end{}", self.process.tail());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Leaves it running.
    pub(crate) fn keep(self) -> Kept {
        let Self { process, doors, .. } = self;
        let (pid, folder) = process.keep();
        Kept { pid, folder, doors }
    }
}

impl Kept {
    /// Says how to talk to the node.
    pub(crate) fn print(&self, binary: &Path, example: &str) {
        let Self { pid, folder, doors: Doors { grpc, http } } = self;
        let (binary, folder) = (binary.display(), folder.display());
        println!(
            "\nThe node goes on, as process {pid}. Its folder is {folder}: configuration, data, log.
  gRPC {grpc}, HTTP http://{http}

  {binary} ls --data-dir {folder}/data
  {binary} get {example:?} -o object.bin --data-dir {folder}/data
  curl --output object.bin 'http://{http}/objects/{}'
  curl http://{http}/metrics
  kill {pid}    # it finishes what it accepted, and ends",
            encoded(example)
        );
    }
}

/// A key as part of a URL.
fn encoded(key: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    key.bytes()
        .map(|byte| match plain(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

/// The demo's `framedb.toml`.
fn configuration() -> Result<String> {
    // Compiled plugins outlive the demo, so that the next start is fast.
    let cache = cargo::target_dir().join("demo-cache");
    fs::create_dir_all(&cache).with_context(|| format!("create {}", cache.display()))?;
    // JSON's strings are TOML's, too.
    let cache = serde_json::to_string(&cache)?;
    Ok(format!(
        "# Written by `cargo xtask demo`.\n\
         cache-dir = {cache}\n\
         \n\
         # Beside the default pipeline, which stores bytes as they were sent.\n\
         [pipelines.lz4]\n\
         match = {{ source = \"demo-lz4*\" }}\n\
         ingest = [\"ingest-inspect\"]\n\
         resolve = \"resolve-rules\"\n\
         serialize = \"serialize-lz4\"\n"
    ))
}

/// The doors in the file by which a node says that they are open; none while there is no file.
fn doors(file: &str) -> Option<Doors> {
    let node: serde_json::Value = serde_json::from_str(file).ok()?;
    let door = |name: &str| node.get(name)?.as_str()?.parse().ok();
    Some(Doors { grpc: door("grpc")?, http: door("http")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_file_names_its_doors() {
        let found = Doors { grpc: ([127, 0, 0, 1], 1).into(), http: ([127, 0, 0, 1], 2).into() };
        let file = r#"{"pid":7,"grpc":"127.0.0.1:1","http":"127.0.0.1:2","token":"t"}"#;
        assert_eq!(doors(file), Some(found));
        assert_eq!(doors(r#"{"pid":7,"grpc":null,"http":"127.0.0.1:2"}"#), None);
        assert_eq!(doors(""), None);
    }

    #[test]
    fn keys_are_encoded_for_urls() {
        assert_eq!(encoded("raw/cam-1/frame-1.jpg"), "raw/cam-1/frame-1.jpg");
        assert_eq!(encoded("a b?c"), "a%20b%3Fc");
    }
}
