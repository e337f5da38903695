//! `Fields`: what a request says, a field at a time. Fields that nobody asks for are ignored.

use super::envelope::Refusal;
use serde_json::{Map, Value};

/// The fields of a request.
#[derive(Debug)]
pub(super) struct Fields {
    fields: Map<String, Value>,
    /// What stands before the name of a missing field.
    missing: &'static str,
}

impl Fields {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self { fields, missing: "Missing field " }
    }

    /// Says the bare name of a missing field, as the first four mapping paths do (contract 6).
    pub(super) fn bare(self) -> Self {
        Self { missing: "", ..self }
    }

    /// Refuses a request without one of these fields, by the first of them.
    pub(super) fn require(&self, names: &[&str]) -> Result<(), Refusal> {
        match names.iter().find(|name| !self.fields.contains_key(**name)) {
            Some(name) => Err(Refusal::new(format!("{}{name}", self.missing))),
            None => Ok(()),
        }
    }

    /// Texts that must be there, in this order.
    pub(super) fn texts<const N: usize>(&self, names: [&str; N]) -> Result<[String; N], Refusal> {
        self.require(&names)?;
        let mut texts = [const { String::new() }; N];
        for (text, name) in texts.iter_mut().zip(names) {
            *text = self.text(name)?.unwrap_or_default();
        }
        Ok(texts)
    }

    /// A text, unless the field is absent or null.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.value(name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(Refusal::new(format!("`{name}` is not a text"))),
        }
    }

    /// Any value; null where there is none.
    pub(super) fn value(&self, name: &str) -> Value {
        self.fields.get(name).cloned().unwrap_or_default()
    }
}
