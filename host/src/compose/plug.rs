//! `plug`: plugins into the imports of a component.

use super::graph::{Graph, Part};
use crate::{Error, ErrorKind, Result};

/// A component that fills an import of another one.
#[derive(Debug, Clone, Copy)]
pub struct Plug<'a> {
    /// What the other one imports.
    pub import: &'a str,
    /// What this one exports for it; the same name unless it says another one.
    pub export: Option<&'a str>,
    /// What it is called in messages.
    pub name: &'a str,
    /// The component.
    pub bytes: &'a [u8],
}

/// Fills imports of a component, as Spin fills them with the dependencies of a manifest. What is
/// not filled stays an import, and every export of the component stays one.
///
/// # Errors
///
/// When one of them is no component, has no such import or export, or the two do not fit.
pub fn plug(name: &str, socket: &[u8], plugs: &[Plug<'_>]) -> Result<Vec<u8>> {
    let mut graph = Graph::default();
    let socket = graph.add(name, socket)?;
    let mut filled: Vec<&str> = Vec::new();
    for plug in plugs {
        if filled.contains(&plug.import) {
            let what = format!("two plugins are given for `{}` of `{name}`", plug.import);
            return Err(Error::new(ErrorKind::Invalid, what)
                .with_hint("make one of several ingest plugins with `framedb compose --chain`"));
        }
        filled.push(plug.import);
        let part: Part = graph.add(plug.name, plug.bytes)?;
        graph.fill(&socket, plug.import, &part, plug.export.unwrap_or(plug.import))?;
    }
    let exports = graph.exports(&socket);
    graph.export(&socket, &exports)?;
    graph.encode()
}
