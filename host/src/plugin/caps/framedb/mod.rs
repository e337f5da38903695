//! FrameDB's own capabilities: objects, queues, routes and instances.
//!
//! Here guests' records are turned into the node's words and back, and grants are asked; what
//! they do is behind [`FrameDb`].

mod clusters;
mod objects;
mod routing;
mod streams;

use crate::{
    grants::{Rate, Refusal, RefusalKind},
    plugin::{
        access::Access,
        framedb::{Caller, FrameDb, Permission, Unserved},
        state::State,
    },
};
use framedb_core::Key;
use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};
use tokio::time::Instant as Deadline;
use wasmtime::component::{Accessor, HasSelf};

/// The interfaces whose calls write keys.
pub(crate) const WRITING: [&str; 2] =
    ["framedb:objects/objects@0.1.0", "framedb:streams/streams@0.1.0"];

/// A call of a guest: what it needs of the guest's state, taken out of it.
struct Call {
    capability: &'static str,
    access: Arc<Access>,
    judging: Arc<[Key]>,
    deadline: Deadline,
}

/// The error of an interface.
trait GuestError: Sized {
    /// The case for what was not served, with its text.
    fn of(unserved: Told) -> Self;
}

/// What a guest is told of an [`Unserved`].
enum Told {
    Denied(String),
    Invalid(String),
    NotFound(String),
    Busy(String),
    Unavailable(String),
    Other(String),
}

impl Call {
    /// Counts a call, before it does anything.
    ///
    /// # Errors
    ///
    /// When the guest has made too many: then its own call ends.
    fn begin(
        capability: &'static str,
        accessor: &Accessor<State, HasSelf<State>>,
    ) -> wasmtime::Result<Self> {
        accessor.with(|mut access| {
            let state = access.get();
            state.begin()?;
            let (access, judging) = (state.access.clone(), state.judging.clone());
            Ok(Self { capability, access, judging, deadline: state.wait_until() })
        })
    }

    /// The node's FrameDB.
    fn framedb(&self) -> Result<Arc<dyn FrameDb>, Unserved> {
        let lent = self.access.environment().framedb();
        lent.ok_or_else(|| Unserved::Unavailable("the node is starting or ending".into()))
    }

    fn caller<'a>(&'a self, permission: &'a dyn Permission) -> Caller<'a> {
        Caller { permission, deadline: self.deadline, judging: &self.judging }
    }

    /// What the guest is told.
    fn told<T, E: GuestError>(&self, result: Result<T, Unserved>) -> Result<T, E> {
        result.map_err(|unserved| {
            E::of(match unserved {
                Unserved::Refused(refusal) => {
                    let text = self.access.refused(self.capability, &refusal);
                    match refusal.kind() {
                        RefusalKind::TooFast(_) => Told::Busy(text),
                        RefusalKind::NotGranted | RefusalKind::Unreadable => Told::Denied(text),
                    }
                }
                Unserved::Invalid(text) => Told::Invalid(text),
                Unserved::NotFound(text) => Told::NotFound(text),
                Unserved::Busy(text) => Told::Busy(text),
                Unserved::Unavailable(text) => Told::Unavailable(text),
                Unserved::Other(text) => Told::Other(text),
            })
        })
    }
}

/// Asks a guard, and takes the call from the rate of the grant that first covers it.
struct Guarded<'a, F> {
    check: F,
    /// Bytes that the call sends.
    bytes: usize,
    rate: OnceLock<&'a Rate>,
}

impl<'a, F> Guarded<'a, F>
where
    F: Fn(&str) -> Result<&'a Rate, Refusal> + Send + Sync,
{
    fn new(bytes: usize, check: F) -> Self {
        Self { check, bytes, rate: OnceLock::new() }
    }

    /// Counts what the call answered.
    fn received(&self, bytes: usize) {
        if let Some(rate) = self.rate.get() {
            rate.received(bytes, Instant::now());
        }
    }
}

impl<'a, F> Permission for Guarded<'a, F>
where
    F: Fn(&str) -> Result<&'a Rate, Refusal> + Send + Sync,
{
    fn ask(&self, framedb_id: &str) -> Result<(), Refusal> {
        let rate = (self.check)(framedb_id)?;
        if self.rate.get().is_none() {
            rate.take(self.bytes, Instant::now())?;
            let _ = self.rate.set(rate);
        }
        Ok(())
    }
}
