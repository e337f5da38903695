//! FrameDB Edge as a library.

pub mod driver;
mod error;
pub mod registry;
pub mod store;

pub use error::{Error, ErrorKind, Result};
