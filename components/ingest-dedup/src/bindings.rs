//! Bindings of `wasi:keyvalue`, generated from `wit/`.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    dead_code,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "generated"
)]

wit_bindgen::generate!({
    path: "../../wit/deps/wasi-keyvalue-0.2.0-draft2",
    inline: "
        package framedb:ingest-dedup;
        world state {
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/batch@0.2.0-draft2;
        }
    ",
    generate_all,
});
