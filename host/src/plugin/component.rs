//! `Plugin`: a component, compiled, linked and checked once.

use super::{
    access::Access,
    bindings as wit,
    budget::Budget,
    caps::{self, OFFERS, Offer},
    config::{Isolation, Limits, PluginConfig},
    engine::{Engine, Epochs},
    environment::Environment,
    inspect::{Inspection, STAGES},
    instance::{Exports, IngestExports, Instance, ResolveExports, SerializeExports},
    secrets::Secrets,
    settings::Settings,
    sharing,
    state::State,
    tape::Tape,
};
use crate::{Error, ErrorKind, Result, grants::GrantsConfig};
use framedb_core::{Codec, Format, Stage};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt, sync::Arc};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};

/// A component, compiled, linked and checked once; instances are made of it.
pub struct Plugin {
    name: Arc<str>,
    digest: Arc<str>,
    bytes: bytes::Bytes,
    limits: Limits,
    settings: Arc<BTreeMap<String, String>>,
    secrets: Arc<Secrets>,
    access: Arc<Access>,
    linked: InstancePre<State>,
    epochs: Epochs,
    interfaces: Interfaces,
    descriptions: Vec<(Stage, wit::Description)>,
    warnings: Vec<String>,
    parts: Parts,
    writes: Vec<Format>,
    reads: Vec<Format>,
    writes_keys: bool,
}

/// What an instance takes of the engine's room: more than one where the component was composed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// Linear memories.
    pub(crate) memories: usize,
    /// Tables.
    pub(crate) tables: usize,
}

impl Parts {
    fn of(component: &Component) -> Self {
        // None where modules are imported, which are never linked.
        let needed = component.resources_required();
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            memories: needed.as_ref().map_or(1, |needed| count(needed.num_memories)),
            tables: needed.as_ref().map_or(1, |needed| count(needed.num_tables)),
        }
    }
}

/// Where the stages' functions are in the component's exports.
#[derive(Default)]
struct Interfaces {
    ingest: Option<[ComponentExportIndex; 2]>,
    resolve: Option<[ComponentExportIndex; 2]>,
    serialize: Option<[ComponentExportIndex; 3]>,
}

impl Plugin {
    /// Compiles `bytes`, links what they import, and lets the plugin check its settings.
    ///
    /// # Errors
    ///
    /// Names what is missing or wrong: a file that is not a component, an import that the node
    /// does not offer or that is not granted, a stage whose functions have other types, a
    /// setting.
    pub async fn load(
        engine: &Engine,
        environment: &Environment,
        name: &str,
        bytes: impl Into<bytes::Bytes>,
        config: &PluginConfig,
    ) -> Result<Self> {
        let access = Access::new(name.into(), &config.grants, environment);
        let mut plugin =
            Self::build(engine, name, bytes.into(), config, access, |inspection, access| {
                inspection.check_grants(name, access.grants())
            })
            .await?;
        plugin.describe(&Stage::ALL, None).await?;
        Ok(plugin)
    }

    /// As [`Plugin::load`], for calls in one stage that a record answers: nothing has to be
    /// granted, and nothing can be reached. What the plugin asks for while it checks its settings,
    /// `tape` answers as far as it can.
    ///
    /// # Errors
    ///
    /// As [`Plugin::load`].
    pub(crate) async fn load_offline(
        engine: &Engine,
        name: &str,
        bytes: bytes::Bytes,
        config: &PluginConfig,
        stage: Stage,
        tape: Arc<Tape>,
    ) -> Result<Self> {
        let nothing = GrantsConfig::default();
        let access = Access::new(name.into(), &nothing, &Environment::default());
        let mut plugin = Self::build(engine, name, bytes, config, access, |_, _| Ok(())).await?;
        match plugin.describe(&[stage], Some(tape.clone())).await {
            // The record may end before that: a plugin's first call has a smaller budget. That call
            // shows what becomes of it.
            Err(_) if tape.diverged().is_some() => {}
            described => described?,
        }
        Ok(plugin)
    }

    async fn build(
        engine: &Engine,
        name: &str,
        bytes: bytes::Bytes,
        config: &PluginConfig,
        access: Access,
        check: impl FnOnce(&Inspection, &Access) -> Result<()>,
    ) -> Result<Self> {
        let component = compile(engine, name, &bytes).await?;
        let inspection = Inspection::of(engine, &component);
        inspection.check(name)?;
        check(&inspection, &access)?;
        let failed = |what: &str, source: wasmtime::Error| {
            Error::new(ErrorKind::Plugin, format!("cannot {what} plugin `{name}`"))
                .with_source(source.into_boxed_dyn_error())
        };
        let mut linker = Linker::new(engine.wasmtime());
        caps::add_to_linker(&mut linker).map_err(|e| failed("link", e))?;
        if config.isolation == Isolation::Shared {
            let mut obstacles = sharing::obstacles(engine.wasmtime(), &component, &bytes);
            if inspection.writes_keys() {
                obstacles.push("it may write what calls beside it are about".to_owned());
            }
            check_shared(name, &obstacles)?;
            sharing::refuse_polls(&mut linker).map_err(|e| failed("link", e))?;
        }
        let linked = linker.instantiate_pre(&component).map_err(|e| failed("link", e))?;
        let interfaces = Interfaces::of(&component, name)?;
        let settings = config.setting_texts();
        Ok(Self {
            name: name.into(),
            digest: digest(&bytes).into(),
            bytes,
            limits: config.limits.clone(),
            secrets: Arc::new(Secrets::of(&settings, &config.secret_settings)),
            settings: Arc::new(settings),
            access: Arc::new(access),
            linked,
            epochs: engine.epochs(),
            interfaces,
            descriptions: Vec::new(),
            warnings: Vec::new(),
            parts: Parts::of(&component),
            writes: Vec::new(),
            reads: Vec::new(),
            writes_keys: inspection.writes_keys(),
        })
    }

    /// The name that the operator gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `sha256:<hex>` of the component.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The component itself.
    #[must_use]
    pub fn bytes(&self) -> &bytes::Bytes {
        &self.bytes
    }

    /// The stages it exports, with the name and version that it gives itself.
    pub fn stages(&self) -> impl Iterator<Item = (Stage, &str, &str)> {
        self.descriptions.iter().map(|(stage, d)| (*stage, d.name.as_str(), d.version.as_str()))
    }

    /// A line for each of its settings that will not do what it seems to: one that the plugin did
    /// not ask for while it was loaded, whose name is misspelt most likely, and a URL whose host is
    /// not granted.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether it exports `stage`.
    #[must_use]
    pub fn exports_stage(&self, stage: Stage) -> bool {
        match stage {
            Stage::Ingest => self.interfaces.ingest.is_some(),
            Stage::Resolve => self.interfaces.resolve.is_some(),
            Stage::Serialize => self.interfaces.serialize.is_some(),
            Stage::Admission | Stage::Sink | Stage::Registration => false,
        }
    }

    /// The formats that `encode` may answer with.
    #[must_use]
    pub fn writes(&self) -> &[Format] {
        &self.writes
    }

    /// The formats that `decode` understands.
    #[must_use]
    pub fn reads(&self) -> &[Format] {
        &self.reads
    }

    /// The codec of bytes that this plugin wrote as `format`.
    #[must_use]
    pub fn codec(&self, format: Format) -> Codec {
        Codec { format, digest: self.digest.clone() }
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn settings(&self) -> Arc<BTreeMap<String, String>> {
        self.settings.clone()
    }

    /// Those of its settings that nobody is shown.
    pub(crate) fn secrets(&self) -> &Arc<Secrets> {
        &self.secrets
    }

    /// What each of its instances takes of the engine's room.
    pub(crate) fn parts(&self) -> Parts {
        self.parts
    }

    /// Whether it can write objects or queues itself.
    pub(super) fn writes_keys(&self) -> bool {
        self.writes_keys
    }

    pub(super) fn access(&self) -> &Arc<Access> {
        &self.access
    }

    pub(crate) fn linked(&self) -> &InstancePre<State> {
        &self.linked
    }

    pub(super) fn epochs(&self) -> Epochs {
        self.epochs.clone()
    }

    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        self.linked.engine()
    }

    /// Looks the stages' functions up in an instance, and checks their types.
    pub(crate) fn exports(
        &self,
        store: &mut wasmtime::Store<State>,
        instance: &wasmtime::component::Instance,
    ) -> wasmtime::Result<Exports> {
        let mut exports = Exports::default();
        if let Some([describe, process]) = &self.interfaces.ingest {
            exports.ingest = Some(IngestExports {
                describe: instance.get_typed_func(&mut *store, describe)?,
                process: instance.get_typed_func(&mut *store, process)?,
            });
        }
        if let Some([describe, place]) = &self.interfaces.resolve {
            exports.resolve = Some(ResolveExports {
                describe: instance.get_typed_func(&mut *store, describe)?,
                place: instance.get_typed_func(&mut *store, place)?,
            });
        }
        if let Some([describe, encode, decode]) = &self.interfaces.serialize {
            exports.serialize = Some(SerializeExports {
                describe: instance.get_typed_func(&mut *store, describe)?,
                encode: instance.get_typed_func(&mut *store, encode)?,
                decode: instance.get_typed_func(&mut *store, decode)?,
            });
        }
        Ok(exports)
    }

    /// Asks those of `stages` that it exports what they are, which also lets them check their
    /// settings.
    async fn describe(&mut self, stages: &[Stage], tape: Option<Arc<Tape>>) -> Result<()> {
        let name = self.name.clone();
        let refuse = |what: String| {
            Error::new(ErrorKind::Plugin, format!("plugin `{name}` cannot be used: {what}"))
                .with_hint(format!("its settings are in [plugins.{name}.settings]"))
        };
        // The plugin's own words on its settings; it may miss one that is there and misspelt.
        let unset = |what: String, settings: &Settings| {
            let error = refuse(what).with_kind(ErrorKind::Config);
            match settings.misspelt(&name).as_slice() {
                [] => error,
                misspelt => error.with_hint(misspelt.join("; ")),
            }
        };
        let secrets = self.secrets.clone();
        let broken = |stage: Stage| {
            let (refuse, secrets) = (&refuse, &secrets);
            let name = name.clone();
            move |broken: super::failure::Broken| {
                refuse(broken.into_fault(&name, stage, secrets).failure.message)
            }
        };
        let limits = &self.limits;
        let budget = Budget {
            time: limits.batch_time,
            cpu: limits.batch_cpu,
            output: 1 << 20,
            host_calls: limits.batch_host_calls,
            log: limits.batch_log.as_u64(),
        };
        let mut instance =
            Instance::new(self, budget, tape).await.map_err(broken(Stage::Admission))?;
        let asked = |stage| stages.contains(&stage);
        if asked(Stage::Ingest) && instance.exports().ingest.is_some() {
            let call = instance.call(|e| e.ingest.map(|i| i.describe), (), budget).await;
            let (description,) = call.map_err(broken(Stage::Ingest))?;
            let description = description.map_err(|what| unset(what, instance.settings()))?;
            self.descriptions.push((Stage::Ingest, description));
        }
        if asked(Stage::Resolve) && instance.exports().resolve.is_some() {
            let call = instance.call(|e| e.resolve.map(|r| r.describe), (), budget).await;
            let (description,) = call.map_err(broken(Stage::Resolve))?;
            let description = description.map_err(|what| unset(what, instance.settings()))?;
            self.descriptions.push((Stage::Resolve, description));
        }
        if asked(Stage::Serialize) && instance.exports().serialize.is_some() {
            let call = instance.call(|e| e.serialize.map(|s| s.describe), (), budget).await;
            let (answer,) = call.map_err(broken(Stage::Serialize))?;
            let (description, formats) = answer.map_err(|what| unset(what, instance.settings()))?;
            self.descriptions.push((Stage::Serialize, description));
            let parse = |texts: Vec<String>| -> Result<Vec<Format>> {
                texts.iter().map(|t| t.parse().map_err(|e| refuse(format!("{e}")))).collect()
            };
            self.writes = parse(formats.writes)?;
            self.reads = parse(formats.reads)?;
            if let Some(format) = self.writes.iter().find(|w| !self.reads.contains(w)) {
                return Err(refuse(format!("it writes the format {format} and does not read it")));
            }
        }
        let settings = instance.settings();
        self.warnings = settings.unread(&name);
        self.warnings.extend(settings.ungranted(&name, self.access.grants().http()));
        Ok(())
    }
}

impl Interfaces {
    /// Finds the functions of every exported stage.
    fn of(component: &Component, plugin: &str) -> Result<Self> {
        let functions = |interface: &str, names: &[&str]| -> Result<Option<Vec<_>>> {
            let full = format!("framedb:edge/{interface}@0.1.0");
            let Some(instance) = component.get_export_index(None, full.as_str()) else {
                return Ok(None);
            };
            let find = |function: &&str| {
                component.get_export_index(Some(&instance), *function).ok_or_else(|| {
                    Error::new(
                        ErrorKind::Plugin,
                        format!("plugin `{plugin}` exports {full} without its function {function}"),
                    )
                })
            };
            names.iter().map(find).collect::<Result<Vec<_>>>().map(Some)
        };
        let [ingest, resolve, serialize] = STAGES;
        Ok(Self {
            ingest: functions(ingest, &["describe", "process"])?.and_then(|f| f.try_into().ok()),
            resolve: functions(resolve, &["describe", "place"])?.and_then(|f| f.try_into().ok()),
            serialize: functions(serialize, &["describe", "encode", "decode"])?
                .and_then(|f| f.try_into().ok()),
        })
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name).field("digest", &self.digest).finish()
    }
}

/// Refuses a plugin that is to share an instance between its calls and cannot.
fn check_shared(name: &str, obstacles: &[String]) -> Result<()> {
    if obstacles.is_empty() {
        return Ok(());
    }
    let message = format!("plugin `{name}` cannot be shared: {}", obstacles.join("; "));
    let hint = format!("set plugins.{name}.isolation to \"pipeline\"");
    Err(Error::new(ErrorKind::Config, message).with_hint(hint))
}

/// `sha256:<hex>` of a component.
#[must_use]
pub fn digest(component: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(component).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Compiles a component away from the runtime's threads, or takes it from the cache.
pub(super) async fn compile(
    engine: &Engine,
    name: &str,
    bytes: &bytes::Bytes,
) -> Result<Component> {
    let refuse = |what: String| Error::new(ErrorKind::Plugin, format!("`{name}` {what}"));
    match bytes.get(..8) {
        Some(b"\0asm\x0d\0\x01\0") => {}
        Some(b"\0asm\x01\0\0\0") => {
            return Err(refuse("is a core WebAssembly module, not a component".into())
                .with_hint("build it with `cargo build --target wasm32-wasip2 --release`"));
        }
        _ => {
            return Err(refuse(
                "is not a WebAssembly component: it does not begin like one".into(),
            )
            .with_hint("build it with `cargo build --target wasm32-wasip2 --release`"));
        }
    }
    let (engine, bytes) = (engine.wasmtime().clone(), bytes.clone());
    let compiled = tokio::task::spawn_blocking(move || Component::new(&engine, &bytes)).await;
    match compiled {
        Ok(Ok(component)) => Ok(component),
        Ok(Err(error)) => Err(refuse("is not a valid WebAssembly component".into())
            .with_source(error.into_boxed_dyn_error())),
        Err(error) => Err(refuse("could not be compiled".into()).with_source(error)),
    }
}

/// The imports on offer, for messages.
pub(super) fn offered() -> String {
    let one =
        |offer: &Offer| format!("{} ({})", offer.import.trim_end_matches(['/', '.']), offer.what);
    OFFERS.iter().map(one).collect::<Vec<_>>().join(", ")
}
