//! Attributes: typed facts that plugins add to an object.

use crate::limits::{MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTES};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(String),
}

/// A typed fact about an object; kept with its route, never mixed into the sender's metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// 1 to 64 bytes of lower-case letters, digits and hyphens.
    pub name: String,
    /// What it says.
    pub value: Value,
}

/// Why attributes are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// A name outside the rule.
    #[error(
        "the attribute name {0:?} is not 1 to {MAX_ATTRIBUTE_NAME} lower-case letters, digits and hyphens"
    )]
    Name(String),
    /// More attributes than an object may have.
    #[error("{0} attributes, more than the {MAX_ATTRIBUTES} an object may have")]
    TooMany(usize),
    /// More bytes than attributes may have.
    #[error("{0} bytes of attributes, more than the {MAX_ATTRIBUTE_BYTES} an object may have")]
    TooLarge(usize),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Real(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// Adds `added` to `attributes`; of two with one name the later one counts.
pub fn merge_attributes(attributes: &mut Vec<Attribute>, added: Vec<Attribute>) {
    for attribute in added {
        match attributes.iter_mut().find(|a| a.name == attribute.name) {
            Some(earlier) => *earlier = attribute,
            None => attributes.push(attribute),
        }
    }
}

/// Holds attributes against their limits.
///
/// # Errors
///
/// Says which limit they exceed.
pub fn check_attributes(attributes: &[Attribute]) -> Result<(), AttributeError> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(AttributeError::TooMany(attributes.len()));
    }
    let mut bytes = 0;
    for Attribute { name, value } in attributes {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > MAX_ATTRIBUTE_NAME || !name.bytes().all(legal) {
            return Err(AttributeError::Name(name.chars().take(MAX_ATTRIBUTE_NAME).collect()));
        }
        bytes += name.len() + if let Value::Text(text) = value { text.len() } else { 8 };
    }
    if bytes > MAX_ATTRIBUTE_BYTES {
        return Err(AttributeError::TooLarge(bytes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, value: Value) -> Attribute {
        Attribute { name: name.into(), value }
    }

    #[test]
    fn the_later_of_two_attributes_counts() {
        let mut attributes = vec![attribute("width", Value::Integer(1))];
        merge_attributes(
            &mut attributes,
            vec![attribute("width", Value::Integer(2)), attribute("x", Value::Boolean(true))],
        );
        assert_eq!(attributes.len(), 2);
        assert_eq!(attributes[0].value, Value::Integer(2));
    }

    #[test]
    fn names_and_sizes_are_limited() {
        assert!(check_attributes(&[attribute("content-type-2", Value::Integer(1))]).is_ok());
        assert!(matches!(
            check_attributes(&[attribute("Width", Value::Integer(1))]),
            Err(AttributeError::Name(_))
        ));
        let many: Vec<_> =
            (0..65).map(|n| attribute(&format!("a{n}"), Value::Integer(n))).collect();
        assert_eq!(check_attributes(&many), Err(AttributeError::TooMany(65)));
        let large = attribute("t", Value::Text("x".repeat(20_000)));
        assert_eq!(check_attributes(&[large]), Err(AttributeError::TooLarge(20_001)));
    }

    #[test]
    fn values_keep_their_type_in_json() {
        for value in [Value::Boolean(true), Value::Integer(-3), Value::Text("1".into())] {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        }
        assert_eq!(serde_json::from_str::<Value>("1.0").unwrap(), Value::Real(1.0));
    }
}
