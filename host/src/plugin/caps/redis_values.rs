//! Answers of Redis as `spin:redis` has them: as Spin makes them, and no larger than a plugin
//! may be given at once.

use super::bindings::spin::redis::redis::{Error, RedisResult};
use crate::driver::redis::Value;

/// Bytes of one answer that a plugin is given, those of its list included.
pub(crate) const MAX_ANSWER: usize = 64 << 20;

/// Bytes that an element takes beside what is in it.
const ELEMENT: usize = std::mem::size_of::<RedisResult>();

/// The answer to `GET`.
pub(super) fn payload(value: Value) -> Result<Option<Vec<u8>>, Error> {
    match bounded(value)? {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes)),
        _ => Err(Error::TypeError),
    }
}

/// A number.
pub(super) fn number(value: Value) -> Result<i64, Error> {
    match value {
        Value::Int(number) => Ok(number),
        _ => Err(Error::TypeError),
    }
}

/// How many of something.
pub(super) fn count(value: Value) -> Result<u32, Error> {
    number(value).and_then(|number| u32::try_from(number).map_err(|_| Error::TypeError))
}

/// The members of a set, which the interface takes to be text.
pub(super) fn members(value: Value) -> Result<Vec<String>, Error> {
    let (Value::Array(values) | Value::Set(values)) = bounded(value)? else {
        return Err(Error::TypeError);
    };
    let text = |value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).map_err(|_| Error::TypeError),
        _ => Err(Error::TypeError),
    };
    values.into_iter().map(text).collect()
}

/// Any answer as a list, in which lists inside of lists are flat.
pub(super) fn flat(value: Value) -> Result<Vec<RedisResult>, Error> {
    let mut results = Vec::new();
    append(&mut results, bounded(value)?)?;
    Ok(results)
}

fn append(results: &mut Vec<RedisResult>, value: Value) -> Result<(), Error> {
    results.push(match value {
        Value::Nil => RedisResult::Nil,
        Value::Int(number) => RedisResult::Int64(number),
        Value::BulkString(bytes) => RedisResult::Binary(bytes),
        Value::SimpleString(text) => RedisResult::Status(text),
        Value::Okay => RedisResult::Status("OK".to_owned()),
        Value::Double(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::Boolean(truth) => RedisResult::Int64(truth.into()),
        Value::BigNumber(digits) => RedisResult::Binary(digits),
        Value::Array(values) | Value::Set(values) => {
            return values.into_iter().try_for_each(|value| append(results, value));
        }
        Value::ServerError(error) => {
            let text = format!("{} {}", error.code(), error.details().unwrap_or_default());
            return Err(Error::Other(text.trim_end().to_owned()));
        }
        _ => {
            return Err(Error::Other(
                "Redis answered with a kind of value that is not taken".into(),
            ));
        }
    });
    Ok(())
}

fn bounded(value: Value) -> Result<Value, Error> {
    match weight(&value) <= MAX_ANSWER {
        true => Ok(value),
        false => Err(Error::Other(format!("the answer of Redis has more than {MAX_ANSWER} bytes"))),
    }
}

/// Bytes that an answer takes.
pub(super) fn weight(value: &Value) -> usize {
    let list = |values: &[Value]| values.iter().map(weight).sum();
    let inside: usize = match value {
        Value::BulkString(bytes) | Value::BigNumber(bytes) => bytes.len(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.len(),
        Value::Array(values) | Value::Set(values) | Value::Push { data: values, .. } => {
            list(values)
        }
        Value::Map(pairs) => pairs.iter().map(|(key, value)| weight(key) + weight(value)).sum(),
        _ => 0,
    };
    ELEMENT + inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_inside_of_lists_are_flat() {
        let inner = Value::Array(vec![Value::Nil, Value::Int(7), Value::BulkString(b"b".to_vec())]);
        let outer = Value::Array(vec![Value::Okay, inner, Value::Array(Vec::new())]);
        let results = flat(outer).unwrap();
        let [
            RedisResult::Status(ok),
            RedisResult::Nil,
            RedisResult::Int64(7),
            RedisResult::Binary(b),
        ] = results.as_slice()
        else {
            panic!("{results:?}");
        };
        assert_eq!((ok.as_str(), b.as_slice()), ("OK", &b"b"[..]));
    }

    #[test]
    fn an_answer_that_is_too_large_is_an_error() {
        let value = Value::BulkString(vec![0; MAX_ANSWER + 1]);
        assert!(matches!(payload(value), Err(Error::Other(text)) if text.contains("more than")));
        let many = Value::Array(vec![Value::Nil; MAX_ANSWER / ELEMENT + 1]);
        assert!(flat(many).is_err());
    }

    #[test]
    fn members_are_text() {
        let set = |bytes: &[u8]| Value::Array(vec![Value::BulkString(bytes.to_vec())]);
        assert_eq!(members(set(b"a")).unwrap(), ["a"]);
        assert!(matches!(members(set(&[0xff])), Err(Error::TypeError)));
    }
}
