//! Bindings generated from `wit/`: the ingest stage, which is imported twice and exported.
//!
//! The second plugin exports the same interface as the first. A component imports an interface
//! once under its name, so that the second has another one; what is in it is the same.

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

use crate::export::Component;

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package framedb:chain@0.1.0;

        interface second {
            use framedb:edge/types@0.1.0.{description, objects};
            use framedb:edge/ingest@0.1.0.{verdict};
            describe: async func() -> result<description, string>;
            process: async func(batch: objects) -> list<verdict>;
        }

        world ingest-chain {
            import framedb:edge/ingest@0.1.0;
            import second;
            export framedb:edge/ingest@0.1.0;
        }
    ",
    generate_all,
});

export!(Component with_types_in self);
