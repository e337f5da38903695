//! Bindings generated from `wit/`: the three stages, which Spin composes in as dependencies.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "generated"
)]

// By the release of wit-bindgen that the exports are made with, so that calls wait in one place.
spin_sdk::wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package framedb:worker;
        world worker {
            import framedb:edge/ingest@0.1.0;
            import framedb:edge/resolve@0.1.0;
            import framedb:edge/serialize@0.1.0;
        }
    ",
    runtime_path: "::spin_sdk::wit_bindgen::rt",
    generate_all,
});

pub use framedb::edge::{ingest, resolve, serialize, types};
