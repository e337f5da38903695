//! What calls in flight gain: plugins that ask a service over HTTP/2 for every object, one call at
//! a time and 256 at once. One asks for a status, the other one makes a gRPC call.

use super::{
    Effort, Report, failed, median,
    service::Service,
    stage::{batch, load},
};
use crate::{
    Error, ErrorKind, Result,
    grants::GrantsConfig,
    plugin::{Isolation, Limits, PluginConfig, Pool},
};
use framedb_core::{Ingested, Object, Resolved};
use futures::future::try_join_all;
use serde_json::json;
use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Calls in flight.
const AT_ONCE: usize = 256;

/// The plugins that ask.
#[derive(Debug, Clone, Copy)]
enum Asks {
    /// `ingest-admit`, for a status.
    Status,
    /// `resolve-grpc`, in a call of gRPC.
    Grpc,
}

pub(super) async fn measure(scratch: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let service = Service::start().await?;
    for asks in [Asks::Status, Asks::Grpc] {
        let config = asks.config(service.address)?;
        let pool = Arc::new(load(scratch, asks.plugin(), Isolation::Pipeline, &config).await?);
        let object = Arc::new(batch(1, 1 << 10)?);
        // Connections are made, and instances, before it counts.
        rate(asks, &pool, &object, AT_ONCE, effort.senders / 4).await?;
        let (mut gains, mut rates, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.engine_rounds {
            let one = rate(asks, &pool, &object, 1, effort.senders).await?;
            let many = rate(asks, &pool, &object, AT_ONCE, effort.senders).await?;
            gains.push(many / one);
            rates.push(many);
            alone.push(one);
        }
        let name = |row: &str| format!("{}{row}", asks.prefix());
        let what = "calls/s, 256 in flight, a service that takes 1 ms";
        report.add(name("concurrency-gain"), median(gains), "ratio");
        report.add(name("calls-256-rate"), median(rates), what);
        report.add(name("calls-1-rate"), median(alone), "calls/s, one at a time");
    }
    Ok(())
}

impl Asks {
    fn plugin(self) -> &'static str {
        match self {
            Self::Status => "ingest-admit",
            Self::Grpc => "resolve-grpc",
        }
    }

    /// What its rows' names begin with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Status => "",
            Self::Grpc => "grpc-",
        }
    }

    fn config(self, address: SocketAddr) -> Result<PluginConfig> {
        let grants = format!(
            "[http.service]\nhost = '127.0.0.1'\nports = [{}]\nschemes = ['http']\n\
             plaintext-http2 = true\nprivate = ['127.0.0.1']\n",
            address.port()
        );
        let read = toml::from_str::<GrantsConfig>(&grants);
        let grants =
            read.map_err(|source| failed("read the bench's grants").with_source(source))?;
        let setting = match self {
            Self::Status => "admit_url",
            Self::Grpc => "grpc_address",
        };
        let settings = [(setting.to_owned(), json!("http://service"))].into();
        let limits = Limits { instances: AT_ONCE, ..Limits::default() };
        Ok(PluginConfig { settings, grants, limits, ..PluginConfig::default() })
    }

    /// One call, for one object.
    async fn ask(self, pool: &Pool, object: &[&Object]) -> Result<()> {
        let answered = match self {
            Self::Status => match pool.ingest(object).await.pop() {
                Some(Ok(verdict)) if !matches!(verdict, Ingested::Accept { .. }) => {
                    Err(format!("{verdict:?}"))
                }
                Some(Err(fault)) => Err(fault.failure.message),
                _ => Ok(()),
            },
            Self::Grpc => match pool.resolve(object).await.pop() {
                Some(Ok(verdict)) if !matches!(verdict, Resolved::Place(_)) => {
                    Err(format!("{verdict:?}"))
                }
                Some(Err(fault)) => Err(fault.failure.message),
                _ => Ok(()),
            },
        };
        answered.map_err(|said| {
            let message = format!("the bench's {} had no answer: {said}", self.plugin());
            Error::new(ErrorKind::Plugin, message)
        })
    }
}

/// Calls a second, of so many callers.
async fn rate(
    asks: Asks,
    pool: &Arc<Pool>,
    object: &Arc<Vec<Object>>,
    callers: usize,
    time: Duration,
) -> Result<f64> {
    let started = Instant::now();
    let call = |_| {
        let (pool, object) = (pool.clone(), object.clone());
        // On all threads, as pipelines call.
        tokio::spawn(async move {
            let object: Vec<&Object> = object.iter().collect();
            let mut calls = 0_usize;
            while started.elapsed() < time {
                asks.ask(&pool, &object).await?;
                calls += 1;
            }
            Ok(calls)
        })
    };
    let ended = try_join_all((0..callers).map(call)).await;
    let ended = ended.map_err(|source| failed("call the plugin").with_source(source))?;
    let calls: usize = ended.into_iter().sum::<Result<usize>>()?;
    Ok(calls as f64 / started.elapsed().as_secs_f64())
}
