//! `RedisServer`: a real server on a free loopback port, with nothing kept on disk.

use super::process;
use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// What the names of scratch directories begin with.
pub const PREFIX: &str = "framedb-redis-";

/// A running server. It ends with its handle, or with the process.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
    directory: tempfile::TempDir,
}

impl RedisServer {
    /// A server with its defaults.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with more arguments; `DIR` in them is its scratch directory.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        let nothing_kept = ["--save", "", "--appendonly", "no", "--dir", "DIR"];
        Self::launch(process::scratch(PREFIX), &[&nothing_kept, arguments].concat())
    }

    /// A sentinel with these lines of configuration.
    #[must_use]
    pub fn sentinel(lines: &[String]) -> Self {
        let directory = process::scratch(PREFIX);
        // Sentinels write down what they learn.
        std::fs::write(directory.path().join("conf"), lines.join("\n")).unwrap();
        Self::launch(directory, &["DIR/conf", "--sentinel"])
    }

    fn launch(directory: tempfile::TempDir, arguments: &[&str]) -> Self {
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
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its scratch directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Lets the process stand still, so that it answers nobody, or go on.
    pub fn pause(&self, paused: bool) {
        process::pause(self.child.as_ref().unwrap(), paused);
    }

    /// Ends the process; the port stays its own.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again after [`RedisServer::stop`].
    pub fn start_again(&mut self) {
        let mut child = run(self.port, self.directory.path(), &self.arguments);
        assert!(answers(self.port, &mut child), "redis-server does not start again");
        self.child = Some(child);
    }

    /// Sends a command as another client would; the bare reply.
    pub fn command(&self, words: &[&str]) -> String {
        self.command_as(None, words)
    }

    /// Sends a command with a password.
    pub fn command_as(&self, password: Option<&str>, words: &[&str]) -> String {
        ask(self.port, password, words).unwrap()
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
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn run(port: u16, directory: &Path, arguments: &[String]) -> Child {
    let log = File::options().create(true).append(true).open(directory.join("log")).unwrap();
    let mut command = process::command("redis-server");
    command
        .args(arguments)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    process::spawn(command)
}

/// Waits for an answer of whatever kind; `false` when the process has ended.
fn answers(port: u16, child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if ask(port, None, &["PING"])
            .is_ok_and(|reply| !reply.is_empty() && !reply.contains("LOADING"))
        {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// One command on a connection of its own.
fn ask(port: u16, password: Option<&str>, words: &[&str]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    if let Some(password) = password {
        exchange(&mut stream, &["AUTH", password])?;
    }
    exchange(&mut stream, words)
}

fn exchange(stream: &mut TcpStream, words: &[&str]) -> std::io::Result<String> {
    let mut line = format!("*{}\r\n", words.len());
    for word in words {
        line.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(line.as_bytes())?;
    let mut reply = Vec::new();
    let mut buffer = [0; 4096];
    while end(&reply).is_none() {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        reply.extend_from_slice(&buffer[..read]);
    }
    Ok(String::from_utf8_lossy(&reply).trim_end().to_owned())
}

/// Where a reply ends, if it is there as a whole.
fn end(reply: &[u8]) -> Option<usize> {
    let mut at = reply.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let count: i64 = std::str::from_utf8(&reply[1..at - 2]).ok()?.parse().unwrap_or(0);
    match reply[0] {
        b'$' if count >= 0 => at += usize::try_from(count).unwrap() + 2,
        b'*' => {
            for _ in 0..count {
                at += end(&reply[at..])?;
            }
        }
        _ => {}
    }
    (at <= reply.len()).then_some(at)
}
