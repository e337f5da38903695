//! Volatile instances without a running node: what is put there would end with the command.

use anyhow::Result;
use bytesize::ByteSize;
use framedb_core::Kind;
use framedb_host::{Config, Error, ErrorKind, InstanceConfig};

/// Whether what an instance keeps ends with the process.
fn is_volatile(instance: &InstanceConfig) -> bool {
    instance.url.starts_with("memory:")
}

/// Leaves volatile instances no room, so that nothing gets there by a rule either.
pub(super) fn close(config: &mut Config) {
    for instance in config.instances.values_mut().filter(|instance| is_volatile(instance)) {
        instance.max_bytes = Some(ByteSize::b(0));
    }
}

/// Refuses an object for a volatile instance, as far as its sender says where it goes.
pub(super) fn refuse(config: &Config, to: Option<&str>, kind: Option<Kind>) -> Result<()> {
    let kind = kind.unwrap_or(config.defaults.kind);
    let target = to.unwrap_or_else(|| config.defaults.instance(kind));
    match config.instances.get(target) {
        Some(instance) if is_volatile(instance) => Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "no node is running, and the instance `{target}` is in memory: the object would \
                 vanish with this command"
            ),
        )
        .with_hint("start the node with `framedb serve`, or choose an instance on disk with --to")
        .into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_for_the_memory_are_refused() {
        let config = Config::default();
        assert!(refuse(&config, Some("memory"), None).is_err());
        assert!(refuse(&config, None, Some(Kind::InMemory)).is_err());
        assert!(refuse(&config, None, Some(Kind::Stream)).is_err());
        refuse(&config, None, None).unwrap();
        refuse(&config, Some("disk"), Some(Kind::Stream)).unwrap();
        // The node itself names the instances that there are.
        refuse(&config, Some("nowhere"), None).unwrap();
    }
}
