//! `Draft`: an application in the making, and what is wrong with it so far.

use super::Export;
use crate::{
    Error, ErrorKind, Result,
    spin::manifest::{
        ApplicationConfig, ComponentConfig, Dependency, HttpTrigger, Inherited, Manifest, Source,
        Triggers, VariableConfig,
    },
};
use bytes::Bytes;
use framedb_core::spin::ALLOWED_HOSTS;
use std::collections::{BTreeMap, BTreeSet};

/// The folder of components.
const COMPONENTS: &str = "components";

/// An application in the making.
#[derive(Debug)]
pub(super) struct Draft {
    name: &'static str,
    variables: BTreeMap<String, VariableConfig>,
    own: BTreeMap<String, String>,
    hosts: BTreeSet<String>,
    stores: BTreeSet<String>,
    runtime_stores: BTreeMap<String, Option<String>>,
    dependencies: BTreeMap<String, Dependency>,
    components: Vec<(String, Bytes)>,
    warnings: Vec<String>,
    problems: Vec<String>,
}

impl Draft {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            variables: BTreeMap::new(),
            own: BTreeMap::new(),
            hosts: BTreeSet::new(),
            stores: BTreeSet::new(),
            runtime_stores: BTreeMap::new(),
            dependencies: BTreeMap::new(),
            components: Vec::new(),
            warnings: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Notes something that the application does without.
    pub(super) fn warn(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.warnings.contains(&what) {
            self.warnings.push(what);
        }
    }

    /// Notes something that the pipeline depends on.
    pub(super) fn refuse(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.problems.contains(&what) {
            self.problems.push(what);
        }
    }

    /// A variable that an operator may set. Of two with one name the values have to be the same.
    pub(super) fn variable(&mut self, name: &str, value: &str) {
        let config = VariableConfig { default: Some(value.to_owned()), ..Default::default() };
        self.add(name, config);
    }

    /// A variable that an operator has to set, because its value is shown nowhere.
    pub(super) fn secret(&mut self, name: &str, what: &str) {
        let description = Some(what.to_owned());
        let config = VariableConfig { required: true, secret: true, description, default: None };
        self.add(name, config);
    }

    fn add(&mut self, name: &str, config: VariableConfig) {
        if !is_name(name) {
            return self.refuse(format!(
                "Spin takes no variable `{name}`: lower-case letters, digits and single underscores"
            ));
        }
        if self.variables.get(name).is_some_and(|known| known.default != config.default) {
            return self.refuse(format!("two plugins have different values for `{name}`"));
        }
        self.own.insert(name.to_owned(), format!("{{{{ {name} }}}}"));
        self.variables.insert(name.to_owned(), config);
    }

    /// Lets the component connect to a host, as `scheme://host:port`.
    pub(super) fn host(&mut self, host: impl Into<String>) {
        self.hosts.insert(host.into());
    }

    /// Gives the component a key-value store.
    pub(super) fn store(&mut self, name: &str) {
        self.stores.insert(name.to_owned());
    }

    /// Says to Spin that a store is not its own: a Redis keeps it, at this URL where that is no
    /// secret.
    pub(super) fn runtime_store(&mut self, name: &str, url: Option<String>) {
        self.store(name);
        self.runtime_stores.insert(name.to_owned(), url);
    }

    /// Composes a component into an import.
    pub(super) fn dependency(
        &mut self,
        import: &str,
        file: &str,
        bytes: Bytes,
        inherits: Vec<String>,
    ) {
        let path = self.component(file, bytes);
        let dependency = Dependency {
            path: Some(path),
            inherit_configuration: Inherited::Some(inherits),
            ..Default::default()
        };
        self.dependencies.insert(import.to_owned(), dependency);
    }

    /// Adds a component's file; its path.
    pub(super) fn component(&mut self, file: &str, bytes: Bytes) -> String {
        let path = format!("{COMPONENTS}/{file}.wasm");
        self.components.push((path.clone(), bytes));
        path
    }

    /// The application.
    ///
    /// # Errors
    ///
    /// All that the pipeline depends on and Spin does not have.
    pub(super) fn finish(mut self, trigger: HttpTrigger) -> Result<Export> {
        if !self.problems.is_empty() {
            let what = "the pipeline depends on what Spin does not have";
            let lines = self.problems.iter().map(|problem| format!("\n  - {problem}"));
            let message = format!("{what}:{}", lines.collect::<String>());
            return Err(Error::new(ErrorKind::Config, message));
        }
        let source = self.components.iter().map(|(path, _)| path.clone());
        let source =
            source.into_iter().find(|path| path.ends_with(&format!("/{}.wasm", self.name)));
        // The worker checks addresses itself: Spin would print one that it refuses.
        let hosts: Vec<_> = self.hosts.into_iter().collect();
        self.own.insert(ALLOWED_HOSTS.to_owned(), hosts.join(" "));
        let component = ComponentConfig {
            source: Source::File(source.unwrap_or_default()),
            description: None,
            key_value_stores: self.stores.into_iter().collect(),
            allowed_outbound_hosts: hosts,
            variables: self.own,
            dependencies: self.dependencies,
            build: None,
        };
        let secrets = self.variables.iter().filter(|(_, config)| config.secret);
        let secrets = secrets.map(|(name, _)| name.clone()).collect();
        let manifest = Manifest {
            spin_manifest_version: 2,
            application: ApplicationConfig {
                name: "framedb-edge".into(),
                version: Some(env!("CARGO_PKG_VERSION").into()),
                description: Some("Takes objects into FrameDB".into()),
                ..Default::default()
            },
            variables: self.variables,
            trigger: Triggers { http: vec![trigger], ..Default::default() },
            component: BTreeMap::from([(self.name.to_owned(), component)]),
        };
        Ok(Export {
            manifest,
            runtime_config: runtime_config(&self.runtime_stores),
            components: self.components,
            secrets,
            warnings: self.warnings,
        })
    }
}

/// What Spin is told of stores that a server keeps. Where that is may be a secret, which is left
/// to the operator.
fn runtime_config(stores: &BTreeMap<String, Option<String>>) -> Option<String> {
    let store = |(name, url): (&String, &Option<String>)| {
        let key = toml::Value::String(name.clone());
        let said = match url {
            Some(url) => format!("url = {}", toml::Value::String(url.clone())),
            None => "# The URL of the Redis, with its login.\nurl = \"\"".to_owned(),
        };
        format!("[key_value_store.{key}]\ntype = \"redis\"\n{said}\n")
    };
    (!stores.is_empty()).then(|| stores.iter().map(store).collect::<Vec<_>>().join("\n"))
}

/// Whether Spin takes a variable of this name.
fn is_name(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('_').all(word)
}
