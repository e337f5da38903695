//! `RedisServer`: a real server for one test, on a free loopback port, with nothing kept on disk.

use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A running server. It ends with its handle.
pub(crate) struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
    directory: tempfile::TempDir,
}

impl RedisServer {
    /// A server with its defaults.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with more arguments; `DIR` in them is its scratch directory.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        let arguments: Vec<String> =
            arguments.iter().map(|argument| argument.replace("DIR", path)).collect();
        // Another process may take the port first.
        for _ in 0..10 {
            let port = free_port();
            let mut child = run(port, directory.path(), &arguments);
            if answers(port, &mut child) {
                return Self { port, arguments, child: Some(child), directory };
            }
            let _ = child.kill();
            child.wait().unwrap();
        }
        let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        panic!("redis-server does not start:\n{log}");
    }

    /// Its plain address.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Ends the process; the port stays its own.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again after [`RedisServer::stop`].
    pub(crate) fn start_again(&mut self) {
        let mut child = run(self.port, self.directory.path(), &self.arguments);
        assert!(answers(self.port, &mut child), "redis-server does not start again");
        self.child = Some(child);
    }

    /// Sends a command as another client would; the bare reply.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        ask(self.port, words).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn run(port: u16, directory: &Path, arguments: &[String]) -> Child {
    let log = File::options().create(true).append(true).open(directory.join("log")).unwrap();
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir", directory.to_str().unwrap()])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("redis-server is installed by `cargo xtask test`")
}

/// Waits for an answer of whatever kind; `false` when the process has ended.
fn answers(port: u16, child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if ask(port, &["PING"]).is_ok_and(|reply| !reply.is_empty() && !reply.contains("LOADING")) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// One command on a connection of its own; short replies only.
fn ask(port: u16, words: &[&str]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut line = format!("*{}\r\n", words.len());
    for word in words {
        line.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(line.as_bytes())?;
    let mut reply = Vec::new();
    let mut buffer = [0; 4096];
    while !reply.ends_with(b"\r\n") {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        reply.extend_from_slice(&buffer[..read]);
    }
    Ok(String::from_utf8_lossy(&reply).trim_end().to_owned())
}
