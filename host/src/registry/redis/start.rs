//! What is looked at before a server is trusted with a registry.

use super::{RedisRegistry, read_only};
use crate::{Result, driver::redis::Ack};

impl RedisRegistry {
    /// Looks whether the server answers and takes writes, and warns of one that may drop routes.
    ///
    /// # Errors
    ///
    /// When it cannot be used.
    pub(super) async fn start(&self) -> Result<()> {
        crate::registry::Registry::health(self).await?;
        let memory = self.info("memory").await;
        if let Some(policy) = dropping(&memory) {
            let address = self.connection.address();
            tracing::warn!(
                %address,
                policy,
                "the server drops the registry's routes when its memory is full; set \
                 `maxmemory-policy noeviction`"
            );
        }
        Ok(())
    }

    /// Refuses a replica: it would answer reads, and no write.
    pub(super) async fn check_primary(&self) -> Result<()> {
        let info = self.info("replication").await;
        let is_replica = value(&info, "role") == Some("slave");
        if is_replica && value(&info, "slave_read_only") != Some("0") {
            return Err(read_only(self.connection.address()));
        }
        Ok(())
    }

    /// What the server says of itself; nothing where the user may not ask: the first write tells.
    async fn info(&self, section: &str) -> String {
        let mut call = self.scripts.info.call(&[self.keys.routes()]);
        call.arg(section);
        self.connection.run(&call, Ack::Primary).await.unwrap_or_default()
    }
}

/// The policy by which a server with a bound drops keys that do not expire, as ours do not.
fn dropping(memory: &str) -> Option<&str> {
    let bounded = value(memory, "maxmemory").is_some_and(|most| most != "0");
    let policy = value(memory, "maxmemory_policy")?;
    (bounded && policy.starts_with("allkeys-")).then_some(policy)
}

/// The value of a line `name:value`.
fn value<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = info.lines().filter_map(|line| line.trim().split_once(':'));
    lines.find_map(|(found, value)| (found == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_policies_that_drop_what_does_not_expire_matter() {
        let info = |most: &str, policy: &str| {
            format!("# Memory\r\nmaxmemory:{most}\r\nmaxmemory_policy:{policy}\r\n")
        };
        assert_eq!(dropping(&info("100", "allkeys-lru")), Some("allkeys-lru"));
        assert_eq!(dropping(&info("0", "allkeys-lru")), None);
        assert_eq!(dropping(&info("100", "volatile-lru")), None);
        assert_eq!(dropping(&info("100", "noeviction")), None);
    }
}
