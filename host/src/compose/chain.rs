//! `chain`: several ingest plugins as one.

use super::{graph::Graph, interface};
use crate::{Error, ErrorKind, Result, builtin};
use framedb_core::Stage;

/// What the second plugin of a link is imported as; the first has the name that it exports.
const SECOND: &str = "framedb:chain/second@0.1.0";

/// The component that calls two plugins.
const LINK: &str = "ingest-chain";

/// Composes ingest plugins, by name and component, into one that calls them in this order, by
/// the rules of a pipeline.
///
/// # Errors
///
/// When there is none, or one of them is no ingest plugin of this contract.
pub fn chain(plugins: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let missing = || Error::new(ErrorKind::Invalid, "a chain has at least one plugin");
    let ((name, bytes), rest) = plugins.split_first().ok_or_else(missing)?;
    let link = builtin::part(LINK).ok_or_else(|| {
        Error::new(ErrorKind::Plugin, "this build has nothing to chain plugins with")
    })?;
    let ingest = interface(Stage::Ingest).unwrap_or_default();
    let mut graph = Graph::default();
    let mut whole = graph.add(name, bytes)?;
    let mut socket = None;
    for (name, bytes) in rest {
        let next = graph.add(name, bytes)?;
        let link = match &socket {
            Some(link) => graph.again(link),
            None => graph.add(LINK, &link)?,
        };
        graph.fill(&link, &ingest, &whole, &ingest)?;
        graph.fill(&link, SECOND, &next, &ingest)?;
        socket = Some(link.clone());
        whole = link;
    }
    graph.export(&whole, &[ingest])?;
    graph.encode()
}
