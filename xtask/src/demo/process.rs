//! `Process`: a node in a folder of its own; dropping it ends both.
//!
//! It runs in a process group of its own, so that Ctrl-C reaches the demo, which then ends it
//! as an operator would; and it logs to a file, so that it can outlive the demo.

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long an interrupted demo waits for its node.
const LEAVE: Duration = Duration::from_secs(5);
/// How often a process is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(10);
/// Lines of the log that a failure shows.
const TAIL: usize = 20;

/// A node's process and its folder: configuration, data and log.
#[derive(Debug)]
pub(crate) struct Process {
    /// Absent once the process is left running.
    child: Option<Child>,
    /// Absent once it is kept.
    folder: Option<TempDir>,
}

impl Process {
    /// Starts a node on free ports.
    pub(crate) fn spawn(binary: &Path, configuration: &str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("framedb-demo-")
            .tempdir()
            .context("make a folder for the node")?;
        let config = folder.path().join("framedb.toml");
        fs::write(&config, configuration).with_context(|| format!("write {}", config.display()))?;
        let log = folder.path().join("node.log");
        let log = File::create(&log).with_context(|| format!("write {}", log.display()))?;
        let child = Command::new(binary)
            .args(["serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .arg("--config")
            .arg(&config)
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the log")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        Ok(Self { child: Some(child), folder: Some(folder) })
    }

    /// Where it keeps its data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.as_ref().map(|folder| folder.path().join("data")).unwrap_or_default()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        child.try_wait().context("look at the node")
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) -> Result<()> {
        let pid = self.child.as_ref().and_then(|child| Pid::from_raw(child.id().cast_signed()));
        let Some(pid) = pid else { return Ok(()) };
        kill_process(pid, Signal::TERM).context("send SIGTERM to the node")
    }

    /// Leaves it running: its id, and its folder.
    pub(crate) fn keep(mut self) -> (u32, PathBuf) {
        let pid = self.child.take().map_or(0, |child| child.id());
        (pid, self.folder.take().map(TempDir::keep).unwrap_or_default())
    }

    /// The end of its log, as the end of a message.
    pub(crate) fn tail(&self) -> String {
        let log = self.folder.as_ref().map(|folder| folder.path().join("node.log"));
        let log = log.and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        match lines.get(lines.len().saturating_sub(TAIL)..) {
            Some(tail) if !tail.is_empty() => format!("; its log ends:\n  {}", tail.join("\n  ")),
            _ => String::new(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.is_none() || !matches!(self.ended(), Ok(None)) {
            return;
        }
        let asked = self.terminate().is_ok().then(Instant::now);
        while asked.is_some_and(|asked| asked.elapsed() < LEAVE) && matches!(self.ended(), Ok(None))
        {
            thread::sleep(LOOK);
        }
        if let Some(mut child) = self.child.take() {
            // It has had its time; what it left unfinished is in a folder that goes now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_process_ends_and_its_folder_goes() {
        // A program that is no node ends by itself, and says so in its log.
        let mut process = Process::spawn(Path::new("/bin/echo"), "").unwrap();
        let folder = process.data_dir().parent().unwrap().to_path_buf();
        while process.ended().unwrap().is_none() {
            thread::sleep(LOOK);
        }
        assert!(process.tail().contains("serve --grpc 127.0.0.1:0"), "{}", process.tail());
        drop(process);
        assert!(!folder.exists());
    }
}
