//! Why settings cannot be read.

use std::fmt::{self, Display};

/// A problem with one setting, or with all of them.
#[derive(Debug)]
pub(super) enum Error {
    /// A field without a default has no setting.
    Missing(&'static str),
    /// This field's setting has a wrong value, or could not be read; the text names it.
    Field(&'static str, String),
    /// Anything else.
    Other(String),
}

impl serde::de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let _ = variant; // Whoever knows the setting says what it holds.
        Self::Other(format!("one of {}", expected.join(", ")))
    }
}

impl std::error::Error for Error {}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(field) => write!(f, "{field}, which is missing"),
            Self::Field(_, message) | Self::Other(message) => f.write_str(message),
        }
    }
}
