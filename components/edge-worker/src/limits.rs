//! `Limits`: what Spin's variables say of the worker's doors and of an object's path.

use crate::settings::{misconfigured, variable};
use framedb_core::{
    DEFAULT_MAX_OBJECT, Failure, MaxObject,
    spin::{DEADLINE, MAX_OBJECT, SERIALIZE_DIGEST},
};
use std::{sync::Arc, time::Duration};

/// The time that an object's path may take unless an operator says otherwise: the node's.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// Bytes that Spin answers a component at most; an object over that could not be read back.
const MOST: u64 = 128 << 20;

/// Bounds, and what cannot be known from inside.
///
/// | variable | what it says |
/// |---|---|
/// | `max_object` | bytes an object may have; 67108864 when absent |
/// | `deadline_seconds` | how long an object may be on its way; 30 when absent |
/// | `serialize_digest` | `sha256:…` of the serializer's component, for records of codecs |
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes an object may have.
    pub max_object: MaxObject,
    /// How long an object may be on its way.
    pub deadline: Duration,
    /// The digest of the serializer: a component is not told its neighbours' bytes. Empty where
    /// nobody says; then the format alone finds the codec.
    pub serialize_digest: Arc<str>,
}

impl Limits {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// Names the variable that cannot be used.
    pub async fn read() -> Result<Self, Failure> {
        let bytes = number(MAX_OBJECT, DEFAULT_MAX_OBJECT, MOST).await?;
        let deadline = number(DEADLINE, DEFAULT_DEADLINE.as_secs(), 24 * 60 * 60).await?;
        Ok(Self {
            max_object: MaxObject { bytes, setting: "the variable `max_object`" },
            deadline: Duration::from_secs(deadline),
            serialize_digest: variable(SERIALIZE_DIGEST).await?.unwrap_or_default().into(),
        })
    }
}

async fn number(name: &str, default: u64, most: u64) -> Result<u64, Failure> {
    let Some(text) = variable(name).await? else { return Ok(default) };
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        misconfigured(format!("the variable `{name}` is not a whole number from 1 to {most}"))
    })
}
