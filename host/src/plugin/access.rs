//! `Access`: what one plugin may reach, and what stands behind it.
//!
//! Guards decide, the node's [`Environment`] has the connections; a capability asks the first
//! and uses the second. Guests know labels only.

use super::{caps::http::Outgoing, environment::Environment};
use crate::{
    Result,
    driver::http::{BoxError, Lent, Speaks},
    events::Events,
    grants::{Addresses, Grants, GrantsConfig, Refusal, RefusalKind, http::Destination},
    telemetry::Telemetry,
};
use parking_lot::Mutex;
use std::{collections::HashMap, fmt, sync::Arc};

/// What sends requests over HTTP, by the label of the grant and how it speaks.
type Senders = HashMap<(String, Speaks), Arc<Lent<Outgoing>>>;

/// A plugin's guards, and the node behind them. All its instances share it.
pub(crate) struct Access {
    plugin: Arc<str>,
    grants: Grants,
    environment: Environment,
    /// Held for the look at the map.
    senders: Mutex<Senders>,
    refusals: Events,
    failures: Events,
    output: Arc<Events>,
}

impl Access {
    pub(super) fn new(plugin: Arc<str>, config: &GrantsConfig, environment: &Environment) -> Self {
        let grants = Grants::new(&plugin, config);
        Self::of(plugin, grants, environment)
    }

    /// What a component may reach that names addresses by itself.
    pub(super) fn to_addresses(
        component: Arc<str>,
        addresses: Addresses,
        environment: &Environment,
    ) -> Self {
        let grants = Grants::to_addresses(&component, addresses);
        Self::of(component, grants, environment)
    }

    fn of(plugin: Arc<str>, grants: Grants, environment: &Environment) -> Self {
        let environment = environment.clone();
        Self {
            plugin,
            grants,
            environment,
            senders: Mutex::default(),
            refusals: Events::default(),
            failures: Events::default(),
            output: Arc::new(Events::at_most(LINES)),
        }
    }

    /// What decides whether a call may be made.
    pub(crate) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// What the node lends.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What sends the requests that a grant of HTTP allows: made with the first one, and for
    /// this grant alone, because an address is checked when a connection to it is opened.
    ///
    /// # Errors
    ///
    /// When the certificates that the grant names cannot be read.
    pub(crate) fn lent(&self, destination: &Destination) -> Result<Arc<Lent<Outgoing>>> {
        let speaks = match (destination.url().scheme(), destination.plaintext_http2()) {
            ("https", _) => Speaks::Tls,
            (_, true) => Speaks::Http2,
            (_, false) => Speaks::Http1,
        };
        let key = (destination.label().to_owned(), speaks);
        let mut senders = self.senders.lock();
        if let Some(lent) = senders.get(&key) {
            return Ok(lent.clone());
        }
        let granted = destination.clone();
        let check = move |address| granted.check_address(address).map_err(BoxError::from);
        let made = Arc::new(Lent::new(Arc::new(check), speaks, destination.ssl_ca())?);
        senders.insert(key, made.clone());
        Ok(made)
    }

    /// Records that a call was refused, and answers what the guest may read of it.
    ///
    /// The event shows what the guest named, and the address that it may not reach by that name.
    /// One that came too fast is counted and not told, and so are those beyond what the log takes
    /// ([`Events`]).
    pub(crate) fn refused(&self, capability: &'static str, refusal: &Refusal) -> String {
        self.telemetry()
            .counter(
                "framedb_plugin_refusals_total",
                &[("plugin", &*self.plugin), ("capability", capability)],
            )
            .increment(1);
        if !matches!(refusal.kind(), RefusalKind::TooFast(_))
            && let Some(untold) = self.refusals.tell()
        {
            let (plugin, behind) = (&*self.plugin, refusal.behind());
            tracing::warn!(
                target: AUDIT, plugin, capability, %refusal, behind, untold, "refused a plugin's call"
            );
        }
        refusal.for_guest()
    }

    /// Tells the log why what stands behind a label could not be asked, of which a guest learns
    /// little.
    pub(crate) fn unanswered(&self, capability: &'static str, label: &str, error: &str) {
        if let Some(untold) = self.failures.tell() {
            let plugin = &*self.plugin;
            tracing::warn!(
                plugin,
                capability,
                label,
                error,
                untold,
                "a plugin's call got no answer"
            );
        }
    }

    /// How many lines that the plugin writes the log takes.
    pub(super) fn output(&self) -> Arc<Events> {
        self.output.clone()
    }

    fn telemetry(&self) -> &Telemetry {
        self.environment.telemetry()
    }
}

/// Lines of a plugin's that the log takes in ten seconds: a hundred a second.
const LINES: u32 = 1000;

/// The target of audit events, for filters of the log.
const AUDIT: &str = "framedb::audit";

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}
