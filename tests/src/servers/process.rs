//! Child processes that end with the tests, however those end.

use std::{
    path::Path,
    process::{Child, Command},
    sync::{LazyLock, mpsc},
};

/// What is to be started, and where the child goes.
type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

/// A command for a program that ends with the thread that started it.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Starts a [`command`] from a thread that lasts as long as the process: what tests share is
/// never dropped, and the thread of the test that needed it first ends before the others.
pub fn spawn(command: Command) -> Child {
    static SPAWNER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, child) in orders {
                let _ = child.send(command.spawn());
            }
        });
        sender
    });
    let (sender, child) = mpsc::channel();
    SPAWNER.send((command, sender)).unwrap();
    child.recv().unwrap().expect("the servers are installed by `cargo xtask test`")
}

/// Lets a process stand still, or go on.
pub fn pause(child: &Child, paused: bool) {
    let signal = if paused { "-STOP" } else { "-CONT" };
    let id = child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
}

/// A scratch directory whose name tells which process made it.
#[must_use]
pub fn scratch(prefix: &str) -> tempfile::TempDir {
    let prefix = format!("{prefix}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir().unwrap()
}

/// Removes the scratch directories of processes that have ended: what a static holds is never
/// dropped.
pub fn remove_abandoned(prefix: &str) {
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(prefix).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
