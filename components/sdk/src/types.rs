//! What every stage shares: the records of the contract, with short ways to make them.

pub use crate::bindings::shared::framedb::edge::types::{
    Attribute, Description, Envelope, Kind, Object, Retry, Value,
};

impl Attribute {
    /// An attribute; the name is 1 to 64 lower-case letters, digits and hyphens.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl Envelope {
    /// The sender's metadata; empty when there is none.
    #[must_use]
    pub fn metadata_text(&self) -> &str {
        self.metadata.as_deref().unwrap_or_default()
    }

    /// Who produced the object; empty when nobody said.
    #[must_use]
    pub fn source_text(&self) -> &str {
        self.source.as_deref().unwrap_or_default()
    }

    /// What plugins have added so far.
    #[must_use]
    pub fn attribute_list(&self) -> &[Attribute] {
        self.attributes.as_deref().unwrap_or_default()
    }
}

impl Retry {
    /// A retry at the time that the node's backoff chooses.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), after: None }
    }
}

impl Kind {
    /// The kind's name in settings and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InMemory => "in-memory",
            Self::Storage => "storage",
            Self::Stream => "stream",
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}
