//! `Graph`: the field's composer of components, in words that an operator can act on.

use crate::{Error, ErrorKind, Result};
use wac_graph::{
    CompositionGraph, EncodeOptions, NodeId, PackageId,
    types::{Package, SubtypeChecker},
};

/// A composition in the making.
#[derive(Debug, Default)]
pub(super) struct Graph {
    inner: CompositionGraph,
    packages: usize,
}

/// A component in it: what it is called in messages, and an instance of it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: String,
    package: PackageId,
    instance: NodeId,
}

impl Graph {
    /// Adds a component, of which there is one instance.
    ///
    /// # Errors
    ///
    /// When the bytes are no component.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<Part> {
        // Two of one name are two all the same: the same plugin may come twice in a chain.
        self.packages += 1;
        let unique = format!("framedb:part{}", self.packages);
        let refuse = |what: String| Error::new(ErrorKind::Plugin, what);
        let package = Package::from_bytes(&unique, None, bytes.to_vec(), self.inner.types_mut())
            .map_err(|cause| {
                refuse(format!("`{name}` is not a WebAssembly component that can be composed"))
                    .with_source(cause)
            })?;
        let package = self
            .inner
            .register_package(package)
            .map_err(|cause| refuse(format!("cannot compose `{name}`")).with_source(cause))?;
        let instance = self.inner.instantiate(package);
        Ok(Part { name: name.to_owned(), package, instance })
    }

    /// Another instance of a component.
    pub(super) fn again(&mut self, part: &Part) -> Part {
        Part { instance: self.inner.instantiate(part.package), ..part.clone() }
    }

    /// What a component imports.
    pub(super) fn imports(&self, part: &Part) -> Vec<String> {
        let world = self.inner[part.package].ty();
        self.inner.types()[world].imports.keys().cloned().collect()
    }

    /// What a component exports.
    pub(super) fn exports(&self, part: &Part) -> Vec<String> {
        let world = self.inner[part.package].ty();
        self.inner.types()[world].exports.keys().cloned().collect()
    }

    /// Fills what `socket` imports with what `plug` exports.
    ///
    /// # Errors
    ///
    /// When one of them does not have it, or the two do not fit.
    pub(super) fn fill(
        &mut self,
        socket: &Part,
        import: &str,
        plug: &Part,
        export: &str,
    ) -> Result<()> {
        let refuse = |what: String| Error::new(ErrorKind::Plugin, what);
        let types = self.inner.types();
        let wanted = types[self.inner[socket.package].ty()].imports.get(import).copied();
        let wanted = wanted.ok_or_else(|| {
            let (name, all) = (&socket.name, listed(&self.imports(socket)));
            refuse(format!("`{name}` does not import `{import}`; it imports {all}"))
        })?;
        let given = types[self.inner[plug.package].ty()].exports.get(export).copied();
        let given = given.ok_or_else(|| {
            let (name, all) = (&plug.name, listed(&self.exports(plug)));
            refuse(format!("`{name}` does not export `{export}`; it exports {all}"))
        })?;
        let mut cache = Default::default();
        let mut checker = SubtypeChecker::new(&mut cache);
        checker.is_subtype(given, types, wanted, types).map_err(|cause| {
            let (plug, socket) = (&plug.name, &socket.name);
            let what = format!(
                "what `{plug}` exports as `{export}` does not fit what `{socket}` imports as \
                 `{import}`: {cause:#}"
            );
            refuse(what).with_hint("build both against the same version of the contract")
        })?;
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
            refuse(format!("cannot lead `{export}` of `{}` into `{}`", plug.name, socket.name))
                .with_source(cause)
        };
        let alias = self
            .inner
            .alias_instance_export(plug.instance, export)
            .map_err(|cause| failed(cause.into()))?;
        self.inner
            .set_instantiation_argument(socket.instance, import, alias)
            .map_err(|cause| failed(cause.into()))
    }

    /// Makes exports of a part exports of the whole.
    ///
    /// # Errors
    ///
    /// When the part does not have one.
    pub(super) fn export(&mut self, part: &Part, names: &[String]) -> Result<()> {
        for name in names {
            let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
                let what = format!("cannot export `{name}` of `{}`", part.name);
                Error::new(ErrorKind::Plugin, what).with_source(cause)
            };
            let alias = self
                .inner
                .alias_instance_export(part.instance, name)
                .map_err(|cause| failed(cause.into()))?;
            self.inner.export(alias, name).map_err(|cause| failed(cause.into()))?;
        }
        Ok(())
    }

    /// The component that all of it is.
    ///
    /// # Errors
    ///
    /// When imports of parts contradict each other.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        self.inner.encode(EncodeOptions::default()).map_err(|cause| {
            let what = "the components cannot be composed into one";
            Error::new(ErrorKind::Plugin, what).with_source(cause)
        })
    }
}

/// Names for a message.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
