//! Capabilities as a plugin with a tape has them: what the node answers is taken down, or a
//! record answers in its place.
//!
//! This wraps the capabilities from outside: they know nothing of it, and a plugin without a tape
//! pays for a look at one field a call. Settings need none of it, because a record has them whole,
//! nor do clocks and random numbers, which WASI takes from elsewhere.

mod framedb;
mod key_value;
mod mysql;
mod redis;
mod step;

use crate::plugin::{caps::bindings as wit, state::State};
use wasmtime::component::{HasData, Linker};

/// The state of a plugin whose calls pass its tape.
#[allow(unreachable_pub, reason = "generated traits name it in public")]
pub struct TapedState<'a>(&'a mut State);

/// Says that calls have a [`TapedState`].
#[allow(unreachable_pub, reason = "generated traits name it in public")]
pub struct Taped;

impl HasData for Taped {
    type Data<'a> = TapedState<'a>;
}

/// Links everything that reaches out.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wit::spin::redis::redis::add_to_linker::<_, Taped>(linker, taped)?;
    wit::spin::mysql::mysql::add_to_linker::<_, Taped>(linker, taped)?;
    wit::fermyon::spin::rdbms_types::add_to_linker::<_, Taped>(linker, taped)?;
    wit::fermyon::spin::mysql::add_to_linker::<_, Taped>(linker, taped)?;
    wit::wasi::keyvalue::store::add_to_linker::<_, Taped>(linker, taped)?;
    wit::atomics::wasi::keyvalue::atomics::add_to_linker::<_, Taped>(linker, taped)?;
    wit::wasi::keyvalue::batch::add_to_linker::<_, Taped>(linker, taped)?;
    wit::spin::key_value::key_value::add_to_linker::<_, Taped>(linker, taped)?;
    wit::framedb::objects::objects::add_to_linker::<_, Taped>(linker, taped)?;
    wit::framedb::streams::streams::add_to_linker::<_, Taped>(linker, taped)?;
    wit::framedb::routing::routing::add_to_linker::<_, Taped>(linker, taped)?;
    wit::framedb::clusters::clusters::add_to_linker::<_, Taped>(linker, taped)
}

fn taped(state: &mut State) -> TapedState<'_> {
    TapedState(state)
}

/// Functions of an `async func`, each of which passes the tape: `answer` where the answer is a
/// value, `handle` where it is one. A handle among the arguments is written as `@handle: Type`.
macro_rules! concurrent {
    ($trait:path, $interface:literal;
     $($how:ident fn $name:ident($(@$handle:ident: $of:ty,)? $($arg:ident: $ty:ty),*) -> $out:ty;)*
    ) => {
        $(async fn $name(
            accessor: &wasmtime::component::Accessor<State, Self>,
            $($handle: wasmtime::component::Resource<$of>,)?
            $($arg: $ty),*
        ) -> wasmtime::Result<$out> {
            let arguments = ($($handle.rep(),)? $(&$arg,)*);
            let step = accessor.with(|mut access| {
                Step::begin(access.get().0, $interface, stringify!($name), &arguments)
            })?;
            let live = accessor.with_getter::<HasSelf<State>>(|state| state);
            let live = <HasSelf<State> as $trait>::$name(&live, $($handle,)? $($arg),*);
            step.$how(live).await
        })*
    };
}

/// The same for functions that are plain.
macro_rules! plain {
    ($trait:path, $interface:literal;
     $($how:ident fn $name:ident($(@$handle:ident: $of:ty,)? $($arg:ident: $ty:ty),*) -> $out:ty;)*
    ) => {
        $(async fn $name(
            &mut self,
            $($handle: wasmtime::component::Resource<$of>,)?
            $($arg: $ty),*
        ) -> wasmtime::Result<$out> {
            let arguments = ($($handle.rep(),)? $(&$arg,)*);
            let step = Step::begin(self.0, $interface, stringify!($name), &arguments)?;
            step.$how(<State as $trait>::$name(self.0, $($handle,)? $($arg),*)).await
        })*
    };
}

/// The end of a handle, behind which there is nothing if a record gave it.
macro_rules! dropped {
    ($trait:path, $of:ty) => {
        async fn drop(
            &mut self,
            handle: wasmtime::component::Resource<$of>,
        ) -> wasmtime::Result<()> {
            if self.0.tape.as_ref().is_some_and(|tape| tape.answers()) {
                return Ok(());
            }
            <State as $trait>::drop(self.0, handle).await
        }
    };
}

use {concurrent, dropped, plain};
