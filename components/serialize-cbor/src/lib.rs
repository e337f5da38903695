//! `serialize-cbor`: stores payloads together with their envelopes, as CBOR.

mod cbor;
mod document;

pub use cbor::Cbor;

framedb_plugin::export!(serialize: Cbor);
