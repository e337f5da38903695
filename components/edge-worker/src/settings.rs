//! `Settings`: what Spin's variables say of this worker.

use framedb_core::{
    AllowedHost, AllowedHosts, Failure, FailureClass, Kind, Stage,
    spin::{
        ALLOWED_HOSTS, Address, DEFAULT_IN_MEMORY, DEFAULT_KIND, DEFAULT_STORAGE, DEFAULT_STREAM,
        INSTANCES, KEY_VALUE, REGISTRY, instance_variable,
    },
};
use spin_sdk::variables;
use std::{fmt, sync::Arc};

/// The instances of a worker whose variables name none: those of a node.
const IN_MEMORY: &str = "memory";
const ON_DISK: &str = "disk";

/// What an instance without a server keeps objects in.
const EMBEDDED: &str = "kv:";

/// Which instances there are, where they and the routes are kept, and where objects go when
/// nobody says so.
///
/// | variable | what it says |
/// |---|---|
/// | `instances` | the ids of the instances, with commas between; `memory,disk` when absent |
/// | `instance_<id>` | the URL of an instance (its id in letters, digits and single underscores): `kv:[store]`, `redis:` or `mysql:`; `kv:` for `memory` and `disk` when absent |
/// | `registry` | the URL of the registry: `kv:[store]`, `redis:` or `http:`; `kv:` when absent |
/// | `allowed_hosts` | what `allowed_outbound_hosts` has, with spaces between |
/// | `default_kind` | the kind of objects whose senders name neither kind nor instance; `storage` when absent |
/// | `default_in_memory`, `default_storage`, `default_stream` | the instances for each kind; `memory`, `disk` and `memory` when absent |
///
/// An empty variable is an absent one.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The instances, in the order of the variable.
    pub instances: Vec<Instance>,
    /// The registry.
    pub registry: Server,
    /// The kind of an object whose sender named neither kind nor instance.
    pub default_kind: Kind,
    in_memory: Arc<str>,
    storage: Arc<str>,
    stream: Arc<str>,
}

/// An instance as variables describe it.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its id.
    pub id: Arc<str>,
    /// The kinds of objects that it keeps; the first is meant by a sender that names none.
    pub kinds: &'static [Kind],
    /// Where it is.
    pub server: Server,
}

/// Where an instance or the registry is, and the variable that says so.
#[derive(Clone)]
pub struct Server {
    /// The variable, which messages name.
    pub variable: String,
    /// What it says.
    pub address: Address,
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// When one is missing, or says something that cannot be used; the message names it.
    pub async fn read() -> Result<Self, Failure> {
        let hosts = hosts(variable(ALLOWED_HOSTS).await?)?;
        let ids = variable(INSTANCES).await?;
        let ids = ids.unwrap_or_else(|| format!("{IN_MEMORY},{ON_DISK}"));
        let mut instances: Vec<Instance> = Vec::new();
        for id in ids.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            let name = instance_variable(id);
            if let Some(same) = instances.iter().find(|known| known.server.variable == name) {
                let what = format!(
                    "the instances `{}` and `{id}` would both be described by `{name}`: rename one \
                     in the variable `{INSTANCES}`",
                    same.id
                );
                return Err(misconfigured(what));
            }
            let url = match variable(&name).await? {
                Some(url) => url,
                None if matches!(id, IN_MEMORY | ON_DISK) => EMBEDDED.to_owned(),
                None => {
                    let what = format!(
                        "the variable `{name}` is missing, which says where the instance `{id}` is"
                    );
                    return Err(misconfigured(what));
                }
            };
            let server = Server::parse(name, &url)?;
            let Some(kinds) = kinds_of(id, &server.address) else {
                let what = format!("the variable `{}` names no engine", server.variable);
                return Err(misconfigured(format!(
                    "{what}: write `kv:`, `redis://…` or `mysql://…`"
                )));
            };
            server.check(&hosts)?;
            instances.push(Instance { id: id.into(), kinds, server });
        }
        let registry = variable(REGISTRY).await?.unwrap_or_else(|| format!("{KEY_VALUE}:"));
        let registry = Server::parse(REGISTRY.to_owned(), &registry)?;
        if matches!(registry.address, Address::Mysql(_)) {
            let what = format!("the variable `{REGISTRY}` names no registry");
            return Err(misconfigured(format!("{what}: write `kv:`, `redis://…` or `http://…`")));
        }
        registry.check(&hosts)?;
        let default_kind = match variable(DEFAULT_KIND).await? {
            Some(kind) => kind.parse().map_err(|wrong| {
                misconfigured(format!("the variable `{DEFAULT_KIND}` is wrong: {wrong}"))
            })?,
            None => Kind::Storage,
        };
        let named = async |name: &str, absent: &str| {
            variable(name).await.map(|id| id.map_or_else(|| absent.into(), Into::into))
        };
        Ok(Self {
            instances,
            registry,
            default_kind,
            in_memory: named(DEFAULT_IN_MEMORY, IN_MEMORY).await?,
            storage: named(DEFAULT_STORAGE, ON_DISK).await?,
            stream: named(DEFAULT_STREAM, IN_MEMORY).await?,
        })
    }

    /// Where an object of this kind goes when neither its sender nor a plugin says so.
    #[must_use]
    pub fn default_instance(&self, kind: Kind) -> &str {
        match kind {
            Kind::InMemory => &self.in_memory,
            Kind::Storage => &self.storage,
            Kind::Stream => &self.stream,
        }
    }
}

impl Server {
    fn parse(variable: String, url: &str) -> Result<Self, Failure> {
        match Address::parse(url) {
            Ok(address) => Ok(Self { variable, address }),
            Err(why) => Err(wrong(&variable, &why)),
        }
    }

    /// Whether it may be connected to. Spin would print an address that it refuses, with its
    /// password.
    fn check(&self, hosts: &AllowedHosts) -> Result<(), Failure> {
        let Some((scheme, asked)) = self.address.asked() else { return Ok(()) };
        hosts.check(asked, scheme).map_err(|why| {
            let where_to = format!("in `allowed_outbound_hosts` and in `{ALLOWED_HOSTS}`");
            wrong(&self.variable, &format!("{why}: it is to be {where_to}"))
        })
    }
}

fn wrong(variable: &str, why: &str) -> Failure {
    misconfigured(format!("the variable `{variable}` is wrong: {why}"))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses may hold passwords.
        f.debug_struct("Server").field("variable", &self.variable).finish_non_exhaustive()
    }
}

/// What an instance keeps, where there is an engine. A key-value store takes both kinds of
/// objects, and is asked for queues so that it can say what they need.
fn kinds_of(framedb_id: &str, address: &Address) -> Option<&'static [Kind]> {
    match address {
        Address::KeyValue(_) if framedb_id == ON_DISK => {
            Some(&[Kind::Storage, Kind::InMemory, Kind::Stream])
        }
        Address::KeyValue(_) => Some(&[Kind::InMemory, Kind::Storage, Kind::Stream]),
        Address::Redis(_) => Some(&[Kind::InMemory, Kind::Stream]),
        Address::Mysql(_) => Some(&[Kind::Storage]),
        Address::Http(_) => None,
    }
}

/// A variable that is set to something.
pub(crate) async fn variable(name: &str) -> Result<Option<String>, Failure> {
    match variables::get(name).await {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(variables::Error::Undefined(_)) => Ok(None),
        // Its words may have what the variable was made of.
        Err(_) => Err(misconfigured(format!("the variable `{name}` cannot be read"))),
    }
}

fn hosts(value: Option<String>) -> Result<AllowedHosts, Failure> {
    let value = value.unwrap_or_default();
    let entries = value.split([' ', ',', '\n']).filter(|entry| !entry.trim().is_empty());
    let hosts: Result<Vec<AllowedHost>, _> = entries.map(str::parse).collect();
    hosts
        .map(AllowedHosts::new)
        .map_err(|wrong| misconfigured(format!("the variable `{ALLOWED_HOSTS}` is wrong: {wrong}")))
}

/// The failure of a worker whose manifest has to be changed.
pub(crate) fn misconfigured(what: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Denied, Stage::Admission, what)
}
