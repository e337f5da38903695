//! `framedb serve`: a node.

use super::{logs, output, overrides::Overrides};
use anyhow::{Context as _, Result};
use clap::Args;
use framedb_host::{Address, LogFormat, Node, Serving, Worker};
use tokio::signal::unix::{SignalKind, signal};

/// Run a node until it is told to stop.
///
/// SIGTERM and Ctrl-C close the doors and finish what was accepted; a second signal ends the
/// node at once. When the doors are open, one line on the standard output says so.
///
/// Every flag can be given as the variable beside it, and as the key of the same name in the
/// configuration: flags win over variables, variables over the file.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    settings: Overrides,
}

impl Serve {
    pub(super) async fn run(self) -> Result<()> {
        let config = self.settings.config()?;
        logs::install(&config.log, config.log_format)?;
        // From here on a signal is a wish to stop, also while the node is being built.
        let mut signals = Signals::new()?;
        let worker = tokio::select! {
            worker = Worker::builder().config(config).build() => worker?,
            () = signals.next() => return Ok(()),
        };
        let serving = worker.open().await?;
        let json = serving.worker().node().config.log_format == LogFormat::Json;
        // Where programs read the log, it has nothing else in it.
        let tell = move |text: &str| match json {
            true => text.lines().for_each(|line| tracing::info!("{}", line.trim())),
            false => output::note(text),
        };
        tell(&banner(&serving));
        // For programs that start a node: that it is ready, and where. Nobody has to read it.
        let _ = output::data(&ready(&serving));
        let stop = async move {
            signals.next().await;
            tell("shutting down: finishing what was accepted (a second signal ends it)");
            tokio::spawn(async move {
                signals.next().await;
                tell("ended by a second signal");
                std::process::exit(super::Exit::Failed as i32);
            });
        };
        serving.serve(stop).await?;
        Ok(())
    }
}

/// SIGTERM and SIGINT.
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// One line for programs: `ready grpc=127.0.0.1:50051 http=127.0.0.1:8080`.
fn ready(serving: &Serving) -> String {
    let (grpc, http) = serving.addresses();
    format!("ready grpc={} http={}", String::from(Address(grpc)), String::from(Address(http)))
}

/// What runs, on a few lines.
fn banner(serving: &Serving) -> String {
    let node = serving.worker().node();
    let (grpc, http) = serving.addresses();
    let door = |address: Option<std::net::SocketAddr>, scheme: &str| {
        address.map_or_else(|| "off".into(), |address| format!("{scheme}{address}"))
    };
    let mut lines = vec![
        format!(
            "framedb {}, data in {}",
            env!("CARGO_PKG_VERSION"),
            node.config.data_dir.display()
        ),
        format!("  gRPC      {}", door(grpc, "")),
        format!("  HTTP      {}", door(http, "http://")),
    ];
    if node.config.public {
        lines.push(
            "  warning   other machines may reach the doors; there is no authentication".into(),
        );
    }
    for (id, health) in node.health.report().instances {
        // Of one that cannot be used the log says why.
        let said = match (health, node.instances.opened(&id)) {
            (Ok(()), Some(instance)) => instance.objects.describe(),
            (Ok(()), None) => "connected to when it is used".to_owned(),
            (Err(_), _) => "cannot be used yet".to_owned(),
        };
        lines.push(format!("  instance  {id}: {said}"));
    }
    lines.push(format!("  registry  {}", node.registry.describe()));
    lines.extend(node.pipelines.iter().map(|pipeline| {
        format!("  pipeline  {}: {}", pipeline.name(), chain(node, pipeline.name()))
    }));
    lines.join("\n")
}

fn chain(node: &Node, pipeline: &str) -> String {
    node.config.pipelines.get(pipeline).map(super::check::chain).unwrap_or_default()
}
