//! What [`export!`](crate::export) calls: the plugin made once per instance, and its answers
//! when it cannot be made.

use crate::{
    batch::{envelopes, objects},
    bindings::shared::{
        framedb::edge::types::{Description, Envelopes, Objects},
        wasi::config::store,
    },
    ingest,
    ingest::Ingest,
    resolve,
    resolve::Resolve,
    serialize,
    serialize::Serialize,
    settings,
};
use serde::de::DeserializeOwned;
use std::{cell::OnceCell, thread::LocalKey};

/// Holds the plugin of one stage for the life of the component's instance.
#[derive(Debug)]
pub struct Slot<P: 'static>(OnceCell<&'static P>);

impl<P> Slot<P> {
    /// A slot without a plugin.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceCell::new())
    }

    /// The plugin, made at the first call. Only success is kept: settings that could not be
    /// read are read again.
    fn plugin<S: DeserializeOwned>(
        &self,
        name: &str,
        new: impl FnOnce(S) -> Result<P, String>,
    ) -> Result<&'static P, String> {
        if let Some(plugin) = self.0.get() {
            return Ok(plugin);
        }
        let plugin = new(settings::read(name, from_host)?)?;
        Ok(self.0.get_or_init(|| Box::leak(Box::new(plugin))))
    }
}

impl<P> Default for Slot<P> {
    fn default() -> Self {
        Self::new()
    }
}

fn from_host(name: &str) -> Result<Option<String>, String> {
    store::get(name).map_err(|error| match error {
        store::Error::Upstream(reason) | store::Error::Io(reason) => reason,
    })
}

fn description(name: &str, version: &str) -> Description {
    Description { name: name.into(), version: version.into() }
}

fn formats(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.into()).collect()
}

/// `ingest.describe`.
pub fn describe_ingest<P: Ingest>(
    slot: &'static LocalKey<Slot<P>>,
    version: &str,
) -> Result<Description, String> {
    slot.with(|slot| slot.plugin(P::NAME, P::new))?;
    Ok(description(P::NAME, version))
}

/// `ingest.process`.
pub async fn process<P: Ingest>(
    slot: &'static LocalKey<Slot<P>>,
    batch: Objects,
) -> Vec<ingest::Verdict> {
    let plugin = slot.with(|slot| slot.plugin(P::NAME, P::new));
    match plugin.and_then(|plugin| Ok((plugin, objects(&batch)?))) {
        Ok((plugin, objects)) => plugin.process_batch(objects).await,
        Err(reason) => vec![ingest::Verdict::retry(reason); batch.envelopes.sizes.len()],
    }
}

/// `resolve.describe`.
pub fn describe_resolve<P: Resolve>(
    slot: &'static LocalKey<Slot<P>>,
    version: &str,
) -> Result<Description, String> {
    slot.with(|slot| slot.plugin(P::NAME, P::new))?;
    Ok(description(P::NAME, version))
}

/// `resolve.place`.
pub async fn place<P: Resolve>(
    slot: &'static LocalKey<Slot<P>>,
    batch: Envelopes,
) -> Vec<resolve::Verdict> {
    let plugin = slot.with(|slot| slot.plugin(P::NAME, P::new));
    match plugin.and_then(|plugin| Ok((plugin, envelopes(&batch)?))) {
        Ok((plugin, envelopes)) => plugin.place_batch(envelopes).await,
        Err(reason) => vec![resolve::Verdict::retry(reason); batch.sizes.len()],
    }
}

/// `serialize.describe`.
pub fn describe_serialize<P: Serialize>(
    slot: &'static LocalKey<Slot<P>>,
    version: &str,
) -> Result<(Description, serialize::Formats), String> {
    slot.with(|slot| slot.plugin(P::NAME, P::new))?;
    let formats = serialize::Formats { writes: formats(P::WRITES), reads: formats(P::READS) };
    Ok((description(P::NAME, version), formats))
}

/// `serialize.encode`.
pub async fn encode<P: Serialize>(
    slot: &'static LocalKey<Slot<P>>,
    batch: Objects,
) -> Vec<serialize::Verdict> {
    let plugin = slot.with(|slot| slot.plugin(P::NAME, P::new));
    match plugin.and_then(|plugin| Ok((plugin, objects(&batch)?))) {
        Ok((plugin, objects)) => plugin.encode_batch(objects).await,
        Err(reason) => vec![serialize::Verdict::retry(reason); batch.envelopes.sizes.len()],
    }
}

/// `serialize.decode`.
pub async fn decode<P: Serialize>(
    slot: &'static LocalKey<Slot<P>>,
    batch: Vec<serialize::Stored>,
) -> Vec<serialize::Decoded> {
    match slot.with(|slot| slot.plugin(P::NAME, P::new)) {
        Ok(plugin) => plugin.decode_batch(batch).await,
        Err(reason) => batch.iter().map(|_| serialize::Decoded::retry(&reason)).collect(),
    }
}
