//! `wasi:config/store`: a plugin's settings.
//!
//! The version is a draft that Spin 4 offers too; drafts link only exactly, so the crate that
//! implements a later draft is of no use here.

#![allow(unsafe_code, reason = "the derives implement wasmtime's unsafe traits")]

use crate::plugin::state::State;
use wasmtime::component::{ComponentType, Lift, Linker, Lower};

const INTERFACE: &str = "wasi:config/store@0.2.0-draft-2024-09-27";

/// `store.error`; the node's settings are in memory, so it never occurs.
#[derive(ComponentType, Lift, Lower, Debug)]
#[component(variant)]
enum StoreError {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

/// Offers the settings in the instance's [`State`].
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut store = linker.instance(INTERFACE)?;
    store.func_wrap(
        "get",
        |mut cx: wasmtime::StoreContextMut<'_, State>, (name,): (String,)| {
            cx.data_mut().begin()?;
            let value: Result<Option<String>, StoreError> = Ok(cx.data_mut().settings.get(&name));
            Ok((value,))
        },
    )?;
    store.func_wrap("get-all", |mut cx: wasmtime::StoreContextMut<'_, State>, (): ()| {
        cx.data_mut().begin()?;
        let all: Result<Vec<(String, String)>, StoreError> = Ok(cx.data_mut().settings.all());
        Ok((all,))
    })
}
