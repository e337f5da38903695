//! New objects of 1 KiB from 64 senders into a MySQL-protocol server, with writes in groups and
//! each by itself. Nothing else differs, the server's durability included.

use super::{
    Effort, Report, median,
    sender::SIZE,
    senders,
    server::{Server, open},
};
use crate::{
    Result,
    store::{ObjectStore, Options, Record},
};
use bytes::Bytes;
use std::{path::Path, sync::Arc, time::Duration};

/// Tasks that each store one object after the other.
const SENDERS: usize = 64;

pub(super) async fn measure(
    scratch: &Path,
    effort: Effort,
    url: Option<&str>,
    report: &mut Report,
) -> Result<()> {
    let server = match url {
        Some(_) => None,
        None => Some(Server::mysql(scratch).await?),
    };
    let url = url.or(server.as_ref().map(|server| server.url.as_str())).unwrap_or_default();
    let opened = |grouping| open(url, scratch, Options { grouping, ..Options::default() });
    let grouped = opened(true).await?.objects;
    let single = opened(false).await?.objects;
    // A round of each whose rate does not count.
    for (store, round) in [(&grouped, "a"), (&single, "b")] {
        rate(store, round, effort.senders / 4).await?;
    }
    let (mut grouped_rates, mut single_rates) = (Vec::new(), Vec::new());
    for round in 0..effort.engine_rounds {
        grouped_rates.push(rate(&grouped, &format!("{round}a"), effort.senders).await?);
        single_rates.push(rate(&single, &format!("{round}b"), effort.senders).await?);
    }
    drop((grouped, single));
    if let Some(server) = server {
        server.stop().await;
    }
    let ratios = grouped_rates.iter().zip(&single_rates).map(|(on, off)| on / off).collect();
    report.add("mysql-grouping", median(ratios), "ratio");
    report.add("mysql-grouped-rate", median(grouped_rates), "objects/s, in groups");
    report.add("mysql-single-rate", median(single_rates), "objects/s, each by itself");
    Ok(())
}

/// What all senders together store in a second, under keys of this round alone.
async fn rate(store: &Arc<dyn ObjectStore>, round: &str, period: Duration) -> Result<f64> {
    let (store, round) = (store.clone(), round.to_owned());
    senders::rate(SENDERS, period, move |sender, sent| {
        let (store, name) = (store.clone(), format!("bench/{round}/{sender}/{sent:06}"));
        async move {
            let record = Record { key: senders::key(&name)?, data: object(), expires_at: None };
            store.put(&[record]).await.pop().transpose()?;
            Ok(())
        }
    })
    .await
}

fn object() -> Bytes {
    let mut object = vec![0; SIZE];
    fastrand::fill(&mut object);
    object.into()
}
