//! The author's kit for FrameDB Edge plugins.
//!
//! A plugin is a WebAssembly component that is one stage on the path of every object:
//! [`ingest`] judges it, [`resolve`] says where it belongs, [`serialize`] turns it into the
//! bytes to store, and back. Implement the stage's trait and [`export!`] the type. This is a
//! whole serializer; its operator sets `mask_byte`:
//!
//! ```
//! use framedb_plugin::serialize::{Decoded, Object, Serialize, Stored, Verdict};
//!
//! #[derive(serde::Deserialize)]
//! struct Settings { byte: u8 }
//!
//! struct Mask(u8);
//!
//! impl Serialize for Mask {
//!     const NAME: &'static str = "mask";
//!     const WRITES: &'static [&'static str] = &["mask/1"];
//!     type Settings = Settings;
//!
//!     fn new(settings: Settings) -> Result<Self, String> { Ok(Self(settings.byte)) }
//!
//!     async fn encode(&self, object: Object<'_>) -> Verdict {
//!         Verdict::bytes("mask/1", object.data.iter().map(|b| b ^ self.0).collect())
//!     }
//!     async fn decode(&self, stored: Stored) -> Decoded {
//!         Decoded::Bytes(stored.data.iter().map(|b| b ^ self.0).collect())
//!     }
//! }
//!
//! framedb_plugin::export!(serialize: Mask);
//! # fn main() {}
//! ```
//!
//! Build it with `cargo build --release --target wasm32-wasip2` from a crate whose
//! `crate-type` is `cdylib`. Time, random numbers, files in no directory and standard output
//! come with Rust's standard library; whatever the plugin prints is [logged](log).
//!
//! Nothing is copied between the host and a plugin's eyes: an envelope is a view of the text
//! that the host wrote into the plugin's memory, and a payload is the plugin's own.

pub mod ingest;
pub mod resolve;
pub mod serialize;

#[cfg(any(feature = "objects", feature = "streams", feature = "routing", feature = "clusters"))]
pub mod framedb;
pub mod grants;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;
pub mod log;
pub mod settings;
pub mod types;

mod batch;
mod export;

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod glue;
