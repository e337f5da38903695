//! `Running`: a node that serves in this process, for as long as it is measured.

use super::failed;
use crate::{
    Result, Worker,
    config::{Address, Config, DEFAULT_PIPELINE},
    pipeline::PipelineConfig,
};
use std::{net::SocketAddr, path::Path};
use tokio::sync::oneshot;

/// The plugin of the sandboxed stages, which does nothing.
pub(super) const PASS: &str = "pass-through";

/// A node with open doors.
pub(super) struct Running {
    /// The gRPC door.
    pub(super) address: SocketAddr,
    /// The HTTP door.
    pub(super) http: SocketAddr,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<Result<()>>,
}

impl Running {
    /// Starts a node of this name with one pipeline; `config` says the rest.
    pub(super) async fn start(
        scratch: &Path,
        name: &str,
        pipeline: PipelineConfig,
        config: Config,
    ) -> Result<Self> {
        let free = Address(Some(SocketAddr::from(([127, 0, 0, 1], 0))));
        let config = Config {
            data_dir: scratch.join(name),
            cache_dir: Some(scratch.join("cache")),
            grpc: free,
            http: free,
            pipelines: [(DEFAULT_PIPELINE.to_owned(), pipeline)].into(),
            ..config
        };
        let worker = Worker::new(config).await?.open().await?;
        let (Some(address), Some(http)) = worker.addresses() else {
            return Err(failed("find the doors"));
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(worker.serve(async {
            let _ = stopped.await;
        }));
        Ok(Self { address, http, stop, served })
    }

    /// Ends it, after what it accepted.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.served.await;
    }
}

/// Three sandboxed stages that do nothing.
pub(super) fn pass_through() -> PipelineConfig {
    PipelineConfig {
        ingest: vec![PASS.into()],
        resolve: Some(PASS.into()),
        serialize: Some(PASS.into()),
        ..PipelineConfig::default()
    }
}
