//! Bindings generated from `wit/`: one module per world, over one set of shared types.

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

/// What every stage shares: the types and the settings.
pub mod shared {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package framedb:plugin;
            world shared {
                include framedb:edge/imports@0.1.0;
                import framedb:edge/types@0.1.0;
            }
        ",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq, Clone],
    });
}

/// The ingest stage.
pub mod ingest {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "ingest-plugin",
        with: {
            "framedb:edge/types@0.1.0": crate::bindings::shared::framedb::edge::types,
            "wasi:config/store@0.2.0-draft-2024-09-27": crate::bindings::shared::wasi::config::store,
        },
        additional_derives: [PartialEq, Clone],
        export_macro_name: "export",
        pub_export_macro: true,
    });
}

/// The resolve stage.
pub mod resolve {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "resolve-plugin",
        with: {
            "framedb:edge/types@0.1.0": crate::bindings::shared::framedb::edge::types,
            "wasi:config/store@0.2.0-draft-2024-09-27": crate::bindings::shared::wasi::config::store,
        },
        additional_derives: [PartialEq, Clone],
        export_macro_name: "export",
        pub_export_macro: true,
    });
}

/// The serialize stage.
pub mod serialize {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "serialize-plugin",
        with: {
            "framedb:edge/types@0.1.0": crate::bindings::shared::framedb::edge::types,
            "wasi:config/store@0.2.0-draft-2024-09-27": crate::bindings::shared::wasi::config::store,
        },
        additional_derives: [PartialEq, Clone],
        export_macro_name: "export",
        pub_export_macro: true,
    });
}

/// Objects of FrameDB.
#[cfg(feature = "objects")]
pub mod objects {
    wit_bindgen::generate!({
        path: "../../wit/capabilities/objects",
        additional_derives: [PartialEq, Clone],
    });
}

/// Queues of FrameDB.
#[cfg(feature = "streams")]
pub mod streams {
    wit_bindgen::generate!({
        path: "../../wit/capabilities/streams",
        additional_derives: [PartialEq, Clone],
    });
}

/// Where keys and sources are.
#[cfg(feature = "routing")]
pub mod routing {
    wit_bindgen::generate!({
        path: "../../wit/capabilities/routing",
        additional_derives: [PartialEq, Clone],
    });
}

/// Instances of FrameDB.
#[cfg(feature = "clusters")]
pub mod clusters {
    wit_bindgen::generate!({
        path: "../../wit/capabilities/clusters",
        additional_derives: [PartialEq, Clone],
    });
}
