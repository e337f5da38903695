//! `cargo xtask demo`: a real node, a synthetic camera, and a report.
//!
//! The same objects go through the node twice, stored as they are and through a compressing
//! serializer; each is read back and compared, byte for byte. Frames go to the memory engine
//! and sensor batches to the disk engine.

mod camera;
mod card;
mod client;
mod folder;
mod glyphs;
mod node;
mod object;
mod process;
mod progress;
mod report;
mod sensors;
mod table;

use crate::{cargo, steps::seconds};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use node::Node;
use object::{Object, Run};
use progress::Progress;
use report::Report;
use std::path::{Path, PathBuf};

/// What to send, and what to leave behind.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Length of the synthetic camera's recording.
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Sends the files of a folder instead; their keys are their paths in it.
    #[arg(long, value_name = "DIR", conflicts_with = "seconds")]
    input: Option<PathBuf>,
    /// Leaves the node running, and says how to talk to it.
    #[arg(long)]
    keep: bool,
    /// Builds the node with optimisations: it takes longer to build, and less time in each stage.
    #[arg(long)]
    release: bool,
}

impl Demo {
    /// The shortest recording.
    pub(crate) fn short() -> Self {
        Self { seconds: 1, input: None, keep: false, release: false }
    }

    /// Builds the node, and runs the demo on it.
    pub(crate) fn run(&self) -> Result<()> {
        eprintln!("building the node; the first time this takes some minutes");
        self.run_on(&cargo::node(self.release)?)
    }

    /// Runs the demo on this binary.
    pub(crate) fn run_on(&self, binary: &Path) -> Result<()> {
        // Before the node starts, so that a wrong folder costs no time.
        let recording = self.recording()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("start the runtime")?;
        runtime.block_on(async {
            // Dropping the story ends its node.
            tokio::select! {
                told = self.tell(binary, &recording) => told,
                interrupted = interrupted() => {
                    interrupted?;
                    bail!("interrupted; the node has been ended")
                }
            }
        })
    }

    async fn tell(&self, binary: &Path, recording: &Recording) -> Result<()> {
        eprintln!("node: starting; the first time, its plugins are compiled");
        let node = Node::start(binary).await?;
        eprintln!("node: ready in {}, gRPC {}", seconds(node.ready_after()), node.grpc());
        let mut report = Report::default();
        let mut client = client::Client::connect(node.grpc()).await?;
        for run in [Run::RAW, Run::LZ4] {
            let objects = recording.objects(run);
            let sent = client.send(&objects, &Progress::new(run, "sent", objects.len())).await;
            let reading = Progress::new(run, "read back", objects.len());
            let read = client.read_back(&objects, &sent, &reading).await;
            report.add(run, &objects, &sent, read);
        }
        drop(client);
        println!("{report}");
        let (failures, objects) = (report.failures(), report.objects());
        for failure in failures {
            eprintln!("failed: {failure}");
        }
        if failures.is_empty() {
            println!("All {objects} objects came back identical.");
        }
        if self.keep {
            node.keep().print(binary, report.example());
        } else {
            node.stop().await?;
            eprintln!("node: stopped by SIGTERM, exit 0");
        }
        let failed = failures.len();
        ensure!(failed == 0, "{failed} of {objects} objects did not come back identical");
        Ok(())
    }

    fn recording(&self) -> Result<Recording> {
        match &self.input {
            Some(folder) => {
                let files = folder::files(folder)?;
                ensure!(!files.is_empty(), "there are no files in {}", folder.display());
                eprintln!("input: {} files in {}", files.len(), folder.display());
                Ok(Recording(files))
            }
            None => camera::record(self.seconds).map(Recording),
        }
    }
}

/// The objects of the demo, as yet for no run.
#[derive(Debug)]
struct Recording(Vec<Object>);

impl Recording {
    fn objects(&self, run: Run) -> Vec<Object> {
        self.0.iter().map(|object| object.for_run(run)).collect()
    }
}

/// Ends when somebody wants the demo to end.
async fn interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("listen for Ctrl-C"),
        _ = terminated.recv() => Ok(()),
    }
}
