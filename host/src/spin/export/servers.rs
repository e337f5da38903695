//! Instances and the registry: URLs, and the hosts in them.

use super::draft::Draft;
use crate::{Config, InstanceConfig, driver::Eviction};
use framedb_core::{
    Kind,
    spin::{
        Address, DEFAULT_IN_MEMORY, DEFAULT_KIND, DEFAULT_STORAGE, DEFAULT_STORE, DEFAULT_STREAM,
        INSTANCES, REGISTRY, instance_variable,
    },
};

/// What Spin keeps objects and routes in that needs no server.
const KEY_VALUE: &str = "kv:";

/// Where something is, for Spin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In Spin's key-value store.
    KeyValue,
    /// At a server: what has to be allowed, and the URL, where it holds no login.
    Server { host: String, open: Option<String> },
    /// Nowhere that Spin could reach, and why.
    Nowhere(String),
}

/// Adds the instances, the registry, and the instances for each kind.
pub(super) fn add(draft: &mut Draft, config: &Config) {
    let defaults = &config.defaults;
    let needed = [Kind::InMemory, Kind::Storage, Kind::Stream].map(|kind| defaults.instance(kind));
    let mut ids = Vec::new();
    for (id, instance) in &config.instances {
        let what = format!("the instance `{id}`");
        match of_url(&instance.url) {
            Place::Nowhere(why) if needed.contains(&id.as_str()) => {
                draft.refuse(format!("{what}: {why}"));
                continue;
            }
            Place::Nowhere(why) => {
                draft.warn(format!("{what} is left out: {why}"));
                continue;
            }
            place => add_place(draft, &instance_variable(id), &what, place),
        }
        for does in without(instance) {
            draft.warn(format!("{what}: {does}"));
        }
        ids.push(id.as_str());
    }
    draft.variable(INSTANCES, &ids.join(","));
    match of_url(&config.registry.url) {
        Place::Nowhere(why) => draft.refuse(format!("the registry: {why}")),
        place => add_place(draft, REGISTRY, "the registry", place),
    }
    draft.variable(DEFAULT_KIND, defaults.kind.as_str());
    for (name, kind) in [
        (DEFAULT_IN_MEMORY, Kind::InMemory),
        (DEFAULT_STORAGE, Kind::Storage),
        (DEFAULT_STREAM, Kind::Stream),
    ] {
        draft.variable(name, defaults.instance(kind));
    }
    let queue = config.instances.get(defaults.instance(Kind::Stream));
    if queue.is_none_or(|instance| of_url(&instance.url) == Place::KeyValue) {
        draft.warn("queues need a Redis: without one they are answered with 501");
    }
}

/// What an instance is not told of the settings that it has on a node.
fn without(instance: &InstanceConfig) -> impl Iterator<Item = &'static str> {
    [
        (
            instance.chunks == Some(true),
            "an application reads objects that are kept in chunks, and stores none that need them",
        ),
        (
            instance.wait_replicas > 0,
            "an application waits for no replicas: a failover may lose what it has acknowledged",
        ),
        (
            instance.max_bytes.is_some() || instance.eviction != Eviction::default(),
            "Spin's store has bounds of its own: `max-bytes` and `eviction` have no effect",
        ),
        (
            instance.max_packet.is_some() || instance.max_entry.is_some(),
            "an application goes by what the server says it takes: `max-packet` and `max-entry` \
             have no effect",
        ),
    ]
    .into_iter()
    .filter_map(|(said, does)| said.then_some(does))
}

fn add_place(draft: &mut Draft, variable: &str, what: &str, place: Place) {
    match place {
        Place::KeyValue => {
            draft.variable(variable, KEY_VALUE);
            draft.store(DEFAULT_STORE);
            draft.warn(format!(
                "{what} is kept in Spin's key-value store: what the node has of it stays there, \
                 and the hosts of an application share it only where the runtime configuration \
                 names a server for the store `{DEFAULT_STORE}`"
            ));
        }
        Place::Server { host, open } => {
            draft.host(host);
            match open {
                Some(url) => draft.variable(variable, &url),
                None => draft.secret(variable, &format!("The URL of {what}, with its login")),
            }
        }
        // Told before.
        Place::Nowhere(_) => {}
    }
}

/// What a URL of a configuration is to Spin: what needs no server on the node needs none there.
pub(super) fn of_url(url: &str) -> Place {
    if let Some(("memory" | "file" | "embedded", _)) = url.split_once(':') {
        return Place::KeyValue;
    }
    match Address::parse(url).map(|address| address.server()) {
        Ok(Some((host, login))) => Place::Server { host, open: (!login).then(|| url.to_owned()) },
        Ok(None) => Place::KeyValue,
        Err(why) => Place::Nowhere(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_with_a_login_are_secret_and_their_hosts_are_not() {
        let place = of_url("redis://:s3cret@cache/2");
        assert_eq!(place, Place::Server { host: "redis://cache:6379".into(), open: None });
        let open = Some("mysql://db/x".to_owned());
        assert_eq!(of_url("mysql://db/x"), Place::Server { host: "mysql://db:4000".into(), open });
        for url in ["memory:", "file:", "file:/elsewhere", "embedded:"] {
            assert_eq!(of_url(url), Place::KeyValue, "{url}");
        }
        for url in ["etcd://a", "redis-cluster://a", "unix:///s", "", "rediss://h?ssl-ca=/f"] {
            assert!(matches!(of_url(url), Place::Nowhere(_)), "{url}");
        }
    }
}
