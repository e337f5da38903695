//! MariaDB servers of the tests' own: each in a scratch directory, on a free port.

use super::process;
use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;

/// A running server; it ends with this value, or with the process.
#[derive(Debug)]
pub struct Server {
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
    directory: tempfile::TempDir,
}

/// What the names of scratch directories begin with.
const PREFIX: &str = "framedb-mariadb-";

/// The server that tests share, each with a database of its own.
pub async fn shared() -> &'static Server {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    SHARED
        .get_or_init(|| {
            process::remove_abandoned(PREFIX);
            Server::start(&[])
        })
        .await
}

/// A name that no other test has.
#[must_use]
pub fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Server {
    /// Starts a server with further options, and waits until it answers.
    pub async fn start(options: &[&str]) -> Self {
        let directory = process::scratch(PREFIX);
        let data = directory.path().join("data");
        let installed = Command::new(program("mariadb-install-db"))
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.display()))
            .args(["--auth-root-authentication-method=normal", "--skip-test-db", "--user=root"])
            .env("TMPDIR", directory.path())
            .output()
            .unwrap();
        assert!(
            installed.status.success(),
            "`mariadb-install-db` failed: {}{}",
            String::from_utf8_lossy(&installed.stdout),
            String::from_utf8_lossy(&installed.stderr)
        );
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { port, options, child: None, directory };
        server.start_again().await;
        server
    }

    /// Ends the process; the port and the data stay its own.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again after [`Server::stop`], and waits until it answers.
    pub async fn start_again(&mut self) {
        let path = self.directory.path();
        let mut command = process::command(program("mariadbd"));
        command
            .arg("--no-defaults")
            .arg(format!("--datadir={}", path.join("data").display()))
            .arg(format!("--socket={}", path.join("socket").display()))
            .arg(format!("--pid-file={}", path.join("pid").display()))
            // One that starts removes the tables that others have in their temporary folder.
            .arg(format!("--tmpdir={}", path.display()))
            .arg(format!("--port={}", self.port))
            .args(["--bind-address=127.0.0.1", "--user=root", "--skip-log-bin"])
            .args(["--innodb-flush-log-at-trx-commit=0", "--max-connections=1000"])
            .args(&self.options)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.child = Some(process::spawn(command));
        let deadline = Instant::now() + Duration::from_secs(60);
        while mysql_async::Conn::new(self.options()).await.is_err() {
            assert!(Instant::now() < deadline, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The port on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database, as root.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_of("root", "", database)
    }

    /// The URL of a database, as somebody.
    #[must_use]
    pub fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("mysql://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Lets the process stand still, so that it answers nobody, or go on.
    pub fn pause(&self, paused: bool) {
        process::pause(self.child.as_ref().expect("the server runs"), paused);
    }

    /// A connection of a client, as root.
    pub async fn client(&self) -> mysql_async::Conn {
        mysql_async::Conn::new(self.options()).await.unwrap()
    }

    fn options(&self) -> mysql_async::OptsBuilder {
        mysql_async::OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.port)
            .user(Some("root"))
            .prefer_socket(false)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Where a program is: packages put servers into directories that users do not search.
fn program(name: &str) -> PathBuf {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = places.iter().map(|place| PathBuf::from(place).join(name)).find(|p| p.is_file());
    found.unwrap_or_else(|| name.into())
}
