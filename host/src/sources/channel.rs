//! `Channel`: the Redis on which subscribers are told of changes.

use super::update::Update;
use crate::{
    Error, ErrorKind, Result,
    driver::redis::{Ack, Address, Connection, Fault, cmd, failed},
    retry::Backoff,
};
use std::time::Duration;
use tokio::time::Instant;

/// What the name of a source's channel ends with.
const SUFFIX: &str = "__routing_updates";

/// How long a message is tried again: long enough for a connection to come back.
const PATIENCE: Duration = Duration::from_secs(2);

/// What errors call it.
const NAME: &str = "sources.pubsub-url";

/// The update channel.
#[derive(Debug)]
pub(crate) struct Channel {
    redis: Connection,
}

impl Channel {
    /// A channel that connects when it is first used.
    ///
    /// # Errors
    ///
    /// When the URL is none of a single Redis or of one behind sentinels; shows nothing of it.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let scheme = url.split(':').next().unwrap_or_default();
        if !matches!(scheme, "redis" | "rediss" | "unix" | "redis-sentinel" | "rediss-sentinel") {
            let scheme: String = scheme.chars().take(32).collect();
            let message = format!("{NAME}: {scheme:?} is no scheme of an update channel");
            return Err(Error::new(ErrorKind::Config, message).with_hint(
                "use `redis:`, `rediss:`, `unix:`, `redis-sentinel:` or `rediss-sentinel:`",
            ));
        }
        let (address, servers) = Address::parse(url).map_err(|error| error.within(NAME))?;
        Ok(Self { redis: Connection::new(address, servers, 0) })
    }

    /// Publishes an update of a source. Whoever does not listen now never sees it.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached in time, or refuses.
    pub(super) async fn publish(&self, source: &str, update: &Update) -> Result<()> {
        let mut backoff = Backoff::until(Instant::now() + PATIENCE);
        loop {
            let mut publish = cmd("PUBLISH");
            publish.arg(format!("{source}{SUFFIX}")).arg(update.message());
            let told: Result<u64, Fault> = self.redis.ask(publish, Ack::Primary).await;
            let Err(fault) = told else { return Ok(()) };
            let error = self.failed(source, fault);
            match backoff.next(None).filter(|_| error.is_temporary()) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(error),
            }
        }
    }

    /// Whether updates can be published now; where that is.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or takes no writes.
    pub(crate) async fn check(&self) -> Result<String> {
        self.redis.health().await.map_err(|error| error.within(NAME))?;
        Ok(format!("in Redis at {}", self.redis.address()))
    }

    fn failed(&self, source: &str, fault: Fault) -> Error {
        let attempt = format!("publish an update of `{source}`");
        let error = failed(&attempt, self.redis.address(), fault);
        match error.kind() {
            ErrorKind::Config => error.with_hint(format!("check `{NAME}`")),
            _ => error,
        }
    }
}
