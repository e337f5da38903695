//! `SideKeys`: what a queue keeps beside its list.
//!
//! Their names hold a `#`, which no key of a sender may have: they meet no object and no queue,
//! and no listing shows them.

use crate::{Key, redis::slot::tag};

/// The queues that had leases within the last hour, by the time they were last used. It is in
/// a slot of its own.
pub const QUEUES: &str = "#framedb:queues";

/// The keys of one queue, all in its cluster slot.
#[derive(Debug, Clone)]
pub struct SideKeys([String; 5]);

impl SideKeys {
    /// The keys of this queue.
    #[must_use]
    pub fn of(queue: &Key) -> Self {
        let name = queue.as_str();
        let tag = tag(name);
        let side = |what: &str| format!("#framedb:{{{tag}}}:{what}:{name}");
        Self([name.to_owned(), side("ids"), side("held"), side("ends"), side("counts")])
    }

    /// The queue itself, remembered ids by time, leased bytes by token, ends of leases by
    /// token, and deliveries by the hash of the bytes: the order that the scripts know.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.0
    }
}
