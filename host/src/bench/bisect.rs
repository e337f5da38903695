//! What finding an object costs on which a plugin traps: a batch that has one, against the same
//! batch without.

use super::{
    Effort, Report, median,
    running::PASS,
    stage::{batch, load, micros, time},
};
use crate::{
    Error, ErrorKind, Result,
    plugin::{Isolation, PluginConfig},
};
use framedb_core::Object;
use std::path::Path;

/// Objects of a batch.
const OBJECTS: usize = 256;

pub(super) async fn measure(scratch: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let objects = batch(OBJECTS, 1 << 10)?;
    let batch: Vec<&Object> = objects.iter().collect();
    // Far from the ends of all parts that the batch is replayed in.
    let culprit = batch.get(OBJECTS / 3).map(|object| object.envelope.key.as_str().to_owned());
    let settings = [("pass_through_panics_on".to_owned(), culprit.into())].into();
    let good = load(scratch, PASS, Isolation::Pipeline, &PluginConfig::default()).await?;
    let bad = load(
        scratch,
        PASS,
        Isolation::Pipeline,
        &PluginConfig { settings, ..PluginConfig::default() },
    )
    .await?;
    let failed = bad.ingest(&batch).await.iter().filter(|verdict| verdict.is_err()).count();
    if failed != 1 {
        let message = format!("{failed} objects failed where one should have");
        return Err(Error::new(ErrorKind::Plugin, message));
    }
    let (mut ratios, mut own, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let whole = time(effort, 1, async || drop(good.ingest(&batch).await)).await;
        let divided = time(effort, 1, async || drop(bad.ingest(&batch).await)).await;
        ratios.push(micros(divided) / micros(whole));
        own.push(micros(whole));
        found.push(micros(divided));
    }
    report.add("bisect-cost", median(ratios), "ratio");
    report.add("batch-us-b256-1k", median(own), "µs, one stage");
    report.add("bisect-us-b256-1k", median(found), "µs, one stage, one object that traps");
    Ok(())
}
