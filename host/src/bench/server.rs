//! `Server`: a database server of the bench's own, in a scratch directory, on free loopback
//! ports.

use super::failed;
use crate::{
    Error, ErrorKind, Result,
    driver::{Arena, Disks},
    registry::{self, RegistryConfig},
    store::{self, OpenContext, Options},
};
use std::{
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    time::Instant,
};

/// How long a server may take until it answers: making a database takes the most of it.
const START_WITHIN: Duration = Duration::from_secs(60);

/// How long between two looks at whether it answers.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where packages put servers beside what users search.
const PLACES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/// A running server. It ends with this value.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// Where its database is.
    pub(super) url: String,
}

impl Server {
    /// Starts a Redis server that keeps nothing on disk.
    ///
    /// # Errors
    ///
    /// When `redis-server` is not installed, or does not start.
    pub(super) async fn redis(scratch: &Path) -> Result<Self> {
        let program = program("redis-server", "redis-server")?;
        let port = free_port().await?;
        let mut command = Command::new(program);
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(scratch);
        let url = format!("redis://127.0.0.1:{port}");
        Self::start(command, scratch, "redis-server", url, async |url| opens(url, scratch).await)
            .await
    }

    /// Starts a MariaDB server with a fresh database and its defaults: a commit is on the disk
    /// when it is acknowledged.
    ///
    /// # Errors
    ///
    /// When `mariadbd` is not installed, or does not start.
    pub(super) async fn mysql(scratch: &Path) -> Result<Self> {
        let (install, server) = (
            program("mariadb-install-db", "mariadb-server")?,
            program("mariadbd", "mariadb-server")?,
        );
        let port = free_port().await?;
        let option = |name: &str, path: &str| format!("--{name}={}", scratch.join(path).display());
        let mut command = Command::new(install);
        command
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(option("datadir", "mariadb"))
            // One that starts removes the tables that others have in their temporary folder.
            .env("TMPDIR", scratch)
            .args(user())
            .stdin(Stdio::null())
            .stdout(log(scratch, "mariadb-install-db")?)
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let installed = tokio::time::timeout(START_WITHIN, command.status()).await;
        if !installed.is_ok_and(|ended| ended.is_ok_and(|status| status.success())) {
            return Err(not_started("mariadb-install-db", scratch));
        }
        let mut command = Command::new(server);
        command
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-log-bin"])
            .args([
                option("datadir", "mariadb"),
                option("socket", "socket"),
                option("pid-file", "pid"),
                option("tmpdir", ""),
            ])
            .arg(format!("--port={port}"))
            .args(user());
        let url = format!("mysql://root@127.0.0.1:{port}/bench");
        Self::start(command, scratch, "mariadbd", url, async |url| opens(url, scratch).await).await
    }

    /// Starts one member of etcd with its defaults: what is written is on the disk when it is
    /// acknowledged.
    ///
    /// # Errors
    ///
    /// When `etcd` is not installed, or does not start.
    pub(super) async fn etcd(scratch: &Path) -> Result<Self> {
        let program = program("etcd", "etcd-server")?;
        let (client, peer) = (free_port().await?, free_port().await?);
        let (client, peer) = (format!("127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let mut command = Command::new(program);
        command
            .arg("--data-dir")
            .arg(scratch.join("etcd"))
            .args(["--listen-client-urls", &format!("http://{client}")])
            .args(["--advertise-client-urls", &format!("http://{client}")])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}"), "--log-level", "error"]);
        let url = format!("etcd://{client}");
        Self::start(command, scratch, "etcd", url, async |url| {
            let config = RegistryConfig { url: url.to_owned(), ..RegistryConfig::default() };
            registry::connect(&config).await.is_ok()
        })
        .await
    }

    /// Starts a server, and waits until it takes clients: that is what `serves` finds out.
    async fn start(
        mut command: Command,
        scratch: &Path,
        name: &str,
        url: String,
        serves: impl AsyncFn(&str) -> bool,
    ) -> Result<Self> {
        let out = log(scratch, name)?;
        let err = out.try_clone().map_err(|source| failed("make a log").with_source(source))?;
        command.stdin(Stdio::null()).stdout(out).stderr(err).kill_on_drop(true);
        let child = command
            .spawn()
            .map_err(|source| failed(&format!("start {name}")).with_source(source))?;
        let mut server = Self { child, url };
        let deadline = Instant::now() + START_WITHIN;
        while !serves(&server.url).await {
            let ended = server.child.try_wait().is_ok_and(|status| status.is_some());
            if ended || Instant::now() > deadline {
                server.stop().await;
                return Err(not_started(name, scratch));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(server)
    }

    /// Ends it, and waits for its end.
    pub(super) async fn stop(mut self) {
        let _ = self.child.kill().await;
    }
}

/// Whether an instance can be opened.
async fn opens(url: &str, scratch: &Path) -> bool {
    open(url, scratch, Options::default()).await.is_ok()
}

/// Opens an instance without a node around it.
pub(super) async fn open(url: &str, scratch: &Path, options: Options) -> Result<store::Instance> {
    let context = OpenContext {
        arena: Arc::new(Arena::new()),
        disks: Arc::new(Disks::new(scratch.join("instance"))),
        framedb_id: "bench".into(),
        max_object: 1 << 20,
        options,
    };
    store::open(url, &context).await
}

/// Where a program is.
///
/// # Errors
///
/// Says which package has it.
pub(super) fn program(name: &str, package: &str) -> Result<PathBuf> {
    let searched = std::env::var_os("PATH").unwrap_or_default();
    let searched = std::env::split_paths(&searched);
    let mut places = searched.chain(PLACES.iter().map(PathBuf::from));
    places.find_map(|place| Some(place.join(name)).filter(|path| path.is_file())).ok_or_else(|| {
        let message = format!("cannot start {name}: it is not installed");
        Error::new(ErrorKind::NotFound, message).with_hint(format!(
            "install it with `sudo apt-get install {package}`, or name a server with --url"
        ))
    })
}

/// A server that refuses to run as root without being told to is told.
fn user() -> Option<&'static OsStr> {
    rustix::process::geteuid().is_root().then(|| OsStr::new("--user=root"))
}

/// A port that was free a moment ago.
async fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    let address = listener.and_then(|listener| listener.local_addr());
    let address = address.map_err(|source| failed("find a free port").with_source(source))?;
    Ok(address.port())
}

fn log(scratch: &Path, name: &str) -> Result<File> {
    let path = scratch.join(format!("{name}.log"));
    File::create(path).map_err(|source| failed("make a log").with_source(source))
}

/// What a server said last tells why.
fn not_started(name: &str, scratch: &Path) -> Error {
    let said = std::fs::read(scratch.join(format!("{name}.log"))).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(5)..).unwrap_or_default();
    Error::new(ErrorKind::Unavailable, format!("cannot start {name}:\n  {}", last.join("\n  ")))
}
