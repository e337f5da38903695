//! `NodeProcess`: the binary `framedb`, as an operator starts it.

use crate::Http;
use std::{
    env,
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// So long that only a stuck process gets there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running node.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    grpc: SocketAddr,
    http: SocketAddr,
    said: Arc<Mutex<String>>,
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
        cargo.args(["build", "--quiet", "--workspace", "--bin", "framedb"]);
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

/// A folder to run commands in, with a configuration that they all read.
#[derive(Debug)]
pub struct Operator {
    folder: TempDir,
}

impl Operator {
    /// A folder whose `framedb.toml` names its data directory, then says `more`.
    #[must_use]
    pub fn new(more: &str) -> Self {
        let folder = crate::component::scratch();
        let operator = Self { folder };
        let (data, cache) = (operator.data_dir(), crate::cache_dir());
        let config = format!(
            "data-dir = {data:?}\ncache-dir = {cache:?}\ngrpc = \"127.0.0.1:0\"\n\
             http = \"127.0.0.1:0\"\n{more}\n"
        );
        operator.write("framedb.toml", config);
        operator
    }

    /// A file in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    /// Writes a file in the folder.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).unwrap();
    }

    /// Reads a file in the folder.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a command to its end, given as a line whose words are its arguments.
    #[must_use]
    pub fn run(&self, line: &str) -> Finished {
        self.run_with(line, "")
    }

    /// The same with something on its standard input.
    #[must_use]
    pub fn run_with(&self, line: &str, input: &str) -> Finished {
        let mut child = self.command(line).stdin(Stdio::piped()).spawn().unwrap();
        // A command that does not read it is no failure.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        finish(child)
    }

    /// Starts a node, and waits until it is ready.
    #[must_use]
    pub fn serve(&self) -> NodeProcess {
        self.serve_in([])
    }

    /// The same with variables in its environment.
    #[must_use]
    pub fn serve_in<'a>(
        &self,
        variables: impl IntoIterator<Item = (&'a str, &'a OsStr)>,
    ) -> NodeProcess {
        let mut command = self.command("serve");
        let mut child = command.envs(variables).stdin(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = lines.read_line(&mut line);
            let _ = sender.send(read.map(|_| line));
        });
        let line = receiver.recv_timeout(PATIENCE).expect("a line that says `ready`").unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let told = said.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(&mut stderr).lines();
            while let Some(Ok(line)) = lines.next() {
                let mut said = told.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        let address = |door: &str| {
            let mut words = line.strip_prefix("ready ").unwrap_or_default().split_whitespace();
            let found = words.find_map(|word| word.strip_prefix(door));
            found.unwrap_or_else(|| panic!("{line}{}", said.lock().unwrap())).parse().unwrap()
        };
        NodeProcess { grpc: address("grpc="), http: address("http="), child, said }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(binary());
        command.args(line.split_whitespace()).current_dir(self.folder.path());
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("FRAMEDB_")) {
                command.env_remove(name);
            }
        }
        command.env("FRAMEDB_CONFIG", self.path("framedb.toml"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
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

    /// A connection to the gRPC door.
    pub async fn channel(&self) -> tonic::transport::Channel {
        let address = format!("http://{}", self.grpc);
        tonic::transport::Channel::from_shared(address).unwrap().connect().await.unwrap()
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far on its standard error.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Ends the process without a warning, as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end of the process; its exit code.
    #[must_use]
    pub fn wait(&mut self) -> Option<i32> {
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
