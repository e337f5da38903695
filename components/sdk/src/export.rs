//! `export!`: what turns plugins into a component.

/// Exports plugins as stages of the component that this crate becomes.
///
/// One plugin per stage, each a type that implements the stage's trait. Natively the macro
/// only checks that, so that unit tests link without a host.
///
/// ```
/// # use framedb_plugin::ingest::{Ingest, Object, Verdict};
/// # struct Everything;
/// # impl Ingest for Everything {
/// #     const NAME: &'static str = "everything";
/// #     type Settings = ();
/// #     fn new((): ()) -> Result<Self, String> { Ok(Self) }
/// #     async fn process(&self, _: Object<'_>) -> Verdict { Verdict::accept() }
/// # }
/// framedb_plugin::export!(ingest: Everything);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($($stage:ident : $plugin:ty),+ $(,)?) => {
        $($crate::__export_stage!($stage, $plugin);)+
    };
}

/// One stage of [`export!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export_stage {
    (ingest, $plugin:ty) => {
        $crate::__export_checked!($plugin, $crate::ingest::Ingest);
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::ingest::exports::framedb::edge::ingest::{
                Guest, Objects, Verdict,
            };
            ::std::thread_local! {
                static SLOT: $crate::glue::Slot<$plugin> = const { $crate::glue::Slot::new() };
            }
            struct Component;
            impl Guest for Component {
                async fn describe() -> Result<$crate::types::Description, String> {
                    $crate::glue::describe_ingest(&SLOT, env!("CARGO_PKG_VERSION"))
                }
                async fn process(batch: Objects) -> Vec<Verdict> {
                    $crate::glue::process(&SLOT, batch).await
                }
            }
            $crate::bindings::ingest::export!(
                Component with_types_in $crate::bindings::ingest
            );
        };
    };
    (resolve, $plugin:ty) => {
        $crate::__export_checked!($plugin, $crate::resolve::Resolve);
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::resolve::exports::framedb::edge::resolve::{
                Envelopes, Guest, Verdict,
            };
            ::std::thread_local! {
                static SLOT: $crate::glue::Slot<$plugin> = const { $crate::glue::Slot::new() };
            }
            struct Component;
            impl Guest for Component {
                async fn describe() -> Result<$crate::types::Description, String> {
                    $crate::glue::describe_resolve(&SLOT, env!("CARGO_PKG_VERSION"))
                }
                async fn place(batch: Envelopes) -> Vec<Verdict> {
                    $crate::glue::place(&SLOT, batch).await
                }
            }
            $crate::bindings::resolve::export!(
                Component with_types_in $crate::bindings::resolve
            );
        };
    };
    (serialize, $plugin:ty) => {
        $crate::__export_checked!($plugin, $crate::serialize::Serialize);
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::serialize::exports::framedb::edge::serialize::{
                Decoded, Formats, Guest, Objects, Stored, Verdict,
            };
            ::std::thread_local! {
                static SLOT: $crate::glue::Slot<$plugin> = const { $crate::glue::Slot::new() };
            }
            struct Component;
            impl Guest for Component {
                async fn describe() -> Result<($crate::types::Description, Formats), String> {
                    $crate::glue::describe_serialize(&SLOT, env!("CARGO_PKG_VERSION"))
                }
                async fn encode(batch: Objects) -> Vec<Verdict> {
                    $crate::glue::encode(&SLOT, batch).await
                }
                async fn decode(batch: Vec<Stored>) -> Vec<Decoded> {
                    $crate::glue::decode(&SLOT, batch).await
                }
            }
            $crate::bindings::serialize::export!(
                Component with_types_in $crate::bindings::serialize
            );
        };
    };
    ($other:ident, $plugin:ty) => {
        ::core::compile_error!("unknown stage: one of `ingest`, `resolve`, `serialize`");
    };
}

/// Checks natively, too, that a plugin is of the stage that exports it.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_checked {
    ($plugin:ty, $trait:path) => {
        const _: fn() = || {
            fn checked<P: $trait>() {}
            checked::<$plugin>();
        };
    };
}
