//! Whether one instance of a component can serve many calls at once.
//!
//! Calls that share a store wait for one another wherever the component model has no `async`:
//! in a plain import that the host answers late, and in an export that the guest lifted as a
//! plain function. Both can be read from the component before it runs.

use super::state::State;
use std::fmt;
use wasmparser::{CanonicalFunction, CanonicalOption, Parser, Payload};
use wasmtime::{
    Engine,
    component::{Component, Linker, Resource, types::ComponentItem},
};
use wasmtime_wasi::p2::DynPollable;

/// Interfaces whose plain functions the node answers at once.
const NEVER_WAIT: [&str; 9] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:config/",
    "wasi:filesystem/",
    // What waits is in `wasi:http/client`, and async.
    "wasi:http/types@0.3",
    // Standard input has ended, and lines for the log are taken at once. What polls fails, by
    // the functions of `refuse_polls`.
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
    "spin:variables/",
];

/// Why a component cannot share an instance between calls, each in a phrase.
pub(super) fn obstacles(engine: &Engine, component: &Component, bytes: &[u8]) -> Vec<String> {
    let types = component.component_type();
    let mut obstacles = Vec::new();
    for (interface, item) in types.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        if NEVER_WAIT.iter().any(|start| interface.starts_with(start)) {
            continue;
        }
        let waits = instance.exports(engine).any(|(_, item)| is_plain(&item.ty));
        if waits {
            obstacles.push(format!("calls into `{interface}` hold up all others"));
        }
    }
    // A function that is plain in the contract is lifted as one, too.
    let plain = types.exports(engine).map(|(_, item)| match item.ty {
        ComponentItem::ComponentInstance(instance) => {
            instance.exports(engine).filter(|(_, item)| is_plain(&item.ty)).count()
        }
        other => usize::from(is_plain(&other)),
    });
    if plain_lifts(bytes) > plain.sum() {
        obstacles.push("it does not lift its exports as async functions".to_owned());
    }
    obstacles
}

fn is_plain(item: &ComponentItem) -> bool {
    matches!(item, ComponentItem::ComponentFunc(function) if !function.async_())
}

/// How many functions the component lifts without `async`. The bytes were compiled before.
fn plain_lifts(bytes: &[u8]) -> usize {
    let lifts = Parser::new(0).parse_all(bytes).filter_map(|payload| match payload {
        Ok(Payload::ComponentCanonicalSection(section)) => Some(section),
        _ => None,
    });
    let is_plain_lift = |function: &CanonicalFunction| match function {
        CanonicalFunction::Lift { options, .. } => !options.contains(&CanonicalOption::Async),
        _ => false,
    };
    lifts.flat_map(|section| section.into_iter().flatten()).filter(is_plain_lift).count()
}

/// What a guest is told that waits in a way which no call beside it survives.
#[derive(Debug)]
struct Polls;

impl fmt::Display for Polls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "it waits through wasi:io/poll, which would hold up all calls that share the instance",
        )
    }
}

impl std::error::Error for Polls {}

/// Has polls fail instead of holding up every call: a guest that sleeps as WASI 0.2 does is
/// told so. Every guest's standard library imports them, so that an import proves nothing.
pub(super) fn refuse_polls(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut polls = linker.instance("wasi:io/poll@0.2.12")?;
    polls.func_wrap("poll", |_, (_,): (Vec<Resource<DynPollable>>,)| {
        Err::<(Vec<u32>,), _>(wasmtime::Error::new(Polls))
    })?;
    polls.func_wrap("[method]pollable.block", |_, (_,): (Resource<DynPollable>,)| {
        Err::<(), _>(wasmtime::Error::new(Polls))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}
