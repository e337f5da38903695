//! Routes that 64 senders register in etcd, one each, beside the plain puts of values as large
//! that the same server takes in the same run.

use super::{Effort, Report, median, sender::SIZE, senders, server::Server};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        etcd::{Address, Client},
        tables::encode_route,
    },
    registry::{EtcdRegistry, Registry, RegistryConfig},
};
use bytes::Bytes;
use framedb_core::{Key, Kind, Route};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Tasks that each register one route after the other.
const SENDERS: usize = 64;

/// Keys of each sender, written over and over.
const KEYS: u32 = 1 << 10;

/// Plain puts under way at once.
const PUTS: usize = 16;

/// What is written is below this name under the URL's prefix, apart from a registry's own keys.
const BELOW: &str = "bench";

/// What the keys of plain puts begin with: as long as that of routes, and behind all that the
/// registry watches.
const VALUES: &str = "values";

pub(super) async fn measure(
    scratch: &Path,
    effort: Effort,
    url: Option<&str>,
    report: &mut Report,
) -> Result<()> {
    let server = match url {
        Some(_) => None,
        None => Some(Server::etcd(scratch).await?),
    };
    let url = url.or(server.as_ref().map(|server| server.url.as_str())).unwrap_or_default();
    let address = Address::parse(url)?.below(BELOW);
    let client = Arc::new(Client::new(address.clone()).await?);
    let cache = RegistryConfig::default().cache;
    let registry = Arc::new(EtcdRegistry::open(address, cache).await?);
    let route = route();
    // A round of each whose rate does not count.
    puts(&client, &route, effort.senders / 4).await?;
    routes(&registry, &route, effort.senders / 4).await?;
    let (mut rates, mut raws) = (Vec::new(), Vec::new());
    for _ in 0..effort.engine_rounds {
        raws.push(puts(&client, &route, effort.senders).await?);
        rates.push(routes(&registry, &route, effort.senders).await?);
    }
    drop((client, registry));
    if let Some(server) = server {
        server.stop().await;
    }
    let ratios = rates.iter().zip(&raws).map(|(ours, raw)| ours / raw).collect();
    report.add("etcd-vs-raw", median(ratios), "ratio");
    report.add("etcd-rate", median(rates), "routes/s, 64 senders, in groups");
    report.add("etcd-raw-rate", median(raws), "puts/s of a route's size, 16 under way");
    Ok(())
}

/// The route of an object such as the other measurements send.
fn route() -> Route {
    Route {
        framedb_id: "bench".into(),
        kind: Kind::InMemory,
        size: u64::try_from(SIZE).ok(),
        metadata: "".into(),
        metadata_is_json: false,
        copies: [].into(),
        content_type: None,
        attributes: [].into(),
        codec: None,
        next: None,
        unframed: false,
        generation: 1,
        expires_at: None,
        stored_at: Route::millis(SystemTime::now()),
    }
}

/// What etcd takes in a second, by its own request for one value.
async fn puts(client: &Arc<Client>, route: &Route, period: Duration) -> Result<f64> {
    let (client, route) = (client.clone(), route.clone());
    senders::rate(PUTS, period, move |sender, sent| {
        let (client, route) = (client.clone(), route.clone());
        async move {
            let key = key(sender, sent)?;
            let (address, value) = (client.address(), encode_route(&key, &route));
            let name = format!("{}{VALUES}/{key}", address.prefix());
            let put = client.put(name.into(), Bytes::from(value?)).await;
            put.map_err(|failure| failure.error(&format!("put {key}"), address))
        }
    })
    .await
}

/// What the registry takes in a second.
async fn routes(registry: &Arc<EtcdRegistry>, route: &Route, period: Duration) -> Result<f64> {
    let (registry, route) = (registry.clone(), route.clone());
    senders::rate(SENDERS, period, move |sender, sent| {
        let (registry, route) = (registry.clone(), route.clone());
        async move {
            let key = key(sender, sent)?;
            let missing = || Error::new(ErrorKind::Invalid, "a route was left without an answer");
            let answer = registry.register(&[(key, route)]).await.pop();
            answer.unwrap_or_else(|| Err(missing()))
        }
    })
    .await
}

fn key(sender: usize, sent: u32) -> Result<Key> {
    senders::key(&format!("bench/{sender}/{}", sent % KEYS))
}
