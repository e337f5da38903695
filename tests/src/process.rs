//! `NodeProcess`: the binary `framedb`, as an operator starts it.

use crate::Http;
use std::{
    env,
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

/// So long that only a stuck process gets there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running node.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    grpc: SocketAddr,
    http: SocketAddr,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said beside.
    pub stderr: String,
}

/// The binary, built once from the present sources in the profile of the tests.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // The test is `<target>/<profile>/deps/<name>`.
        let test = env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--package", "framedb-host", "--bin", "framedb"]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        cargo.arg("--target-dir").arg(profile.parent().unwrap());
        // What cargo told this test is not for another cargo.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_")) {
                cargo.env_remove(name);
            }
        }
        cargo.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
        assert!(cargo.status().unwrap().success(), "the binary cannot be built");
        profile.join("framedb")
    })
}

/// Runs a command to its end, with a file's contents or nothing on its standard input.
pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Finished {
    let child = command(arguments).stdin(Stdio::null()).spawn().unwrap();
    finish(child)
}

fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("FRAMEDB_")) {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}

/// Waits for a process that should end by itself.
fn finish(mut child: Child) -> Finished {
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let reading = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let reading_errors = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let status = wait(&mut child);
    Finished {
        code: status.code(),
        stdout: reading.join().unwrap(),
        stderr: reading_errors.join().unwrap(),
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the process did not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl NodeProcess {
    /// Starts `framedb serve` on free ports, and waits until it is ready.
    #[must_use]
    pub fn serve(data_dir: &Path, more: &[&str]) -> Self {
        Self::try_serve(data_dir, more).unwrap_or_else(|ended| panic!("{ended:?}"))
    }

    /// Starts `framedb serve` on free ports; how it ended, if it did before it was ready.
    ///
    /// # Errors
    ///
    /// The process, when it ended.
    pub fn try_serve(data_dir: &Path, more: &[&str]) -> Result<Self, Finished> {
        let mut command = command(["serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(data_dir).args(more).stdin(Stdio::null());
        command.env("FRAMEDB_CACHE_DIR", crate::cache_dir());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = lines.read_line(&mut line);
            let _ = sender.send(read.map(|_| line));
            // What follows is read too, so that the process never waits for a reader.
            let _ = std::io::copy(&mut lines, &mut std::io::sink());
        });
        let line = receiver.recv_timeout(PATIENCE).expect("a line that says `ready`").unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let Some(rest) = line.strip_prefix("ready ") else {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            let code = wait(&mut child).code();
            return Err(Finished { code, stdout: line, stderr: text });
        };
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let address = |door: &str| {
            let found = rest.split_whitespace().find_map(|word| word.strip_prefix(door));
            found.unwrap_or_else(|| panic!("{line}")).parse().unwrap()
        };
        Ok(Self { grpc: address("grpc="), http: address("http="), child })
    }

    /// The gRPC door.
    #[must_use]
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// The HTTP door.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::new(self.http)
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Ends the process without a warning, as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end of the process; its exit code.
    #[must_use]
    pub fn wait(mut self) -> Option<i32> {
        wait(&mut self.child).code()
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // A test that failed leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
