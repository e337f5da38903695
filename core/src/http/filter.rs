//! `Filter`: which documents a listing shows, as a safe part of MongoDB's filters.
//!
//! Fields are named by dotted paths, which lead into objects, into every element of an array,
//! and into text that is JSON. A document fits when all conditions hold: a plain value is
//! equality, an object of operators is those of [`OPERATORS`]. Anything else is refused by
//! name, so that nothing is ever evaluated that was not meant to be (defect D25).

use serde_json::{Map, Value};
use std::{borrow::Cow, cmp::Ordering};

/// The operators there are.
pub const OPERATORS: &str =
    "`$in`, `$gt`, `$gte`, `$lt`, `$lte`, `$ne`, `$exists`, `$and` and `$or`";

/// Values that a filter may compare with: each costs time for every document.
const MAX_VALUES: usize = 1000;

/// Conditions that all hold for a document.
#[derive(Debug, Default, PartialEq)]
pub struct Filter(Vec<Condition>);

/// Why a filter is refused.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct FilterError(String);

#[derive(Debug, PartialEq)]
enum Condition {
    /// One of them holds.
    Any(Vec<Filter>),
    /// All of them hold.
    All(Vec<Filter>),
    Field(Vec<String>, Test),
}

#[derive(Debug, PartialEq)]
enum Test {
    /// It is one of these values, or an array that has one.
    In(Vec<Value>),
    /// It is not this value.
    Not(Value),
    /// It compares so with this value, which is of the same type.
    Compares(&'static [Ordering], Value),
    Exists(bool),
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    ///
    /// Names the operator that does not exist, or the value that an operator does not take.
    pub fn parse(filter: Map<String, Value>) -> Result<Self, FilterError> {
        let mut room = MAX_VALUES;
        Self::read(filter, &mut room)
    }

    /// The text that every fitting document has in a field, if the filter says so.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.0.iter().find_map(|condition| match condition {
            Condition::Field(path, Test::In(values)) if *path == [field] => {
                match values.as_slice() {
                    [Value::String(text)] => Some(text.as_str()),
                    _ => None,
                }
            }
            _ => None,
        })
    }

    /// Whether a document fits.
    #[must_use]
    pub fn fits(&self, document: &Value) -> bool {
        self.0.iter().all(|condition| match condition {
            Condition::Any(filters) => filters.iter().any(|filter| filter.fits(document)),
            Condition::All(filters) => filters.iter().all(|filter| filter.fits(document)),
            Condition::Field(path, test) => test.holds(document, path),
        })
    }

    fn read(filter: Map<String, Value>, room: &mut usize) -> Result<Self, FilterError> {
        let mut conditions = Vec::new();
        for (name, value) in filter {
            match name.as_str() {
                "$and" => conditions.push(Condition::All(alternatives(&name, value, room)?)),
                "$or" => conditions.push(Condition::Any(alternatives(&name, value, room)?)),
                operator if operator.starts_with('$') => return Err(unknown(operator)),
                field => {
                    let path: Vec<_> = field.split('.').map(ToOwned::to_owned).collect();
                    if path.iter().any(String::is_empty) {
                        let name = shown(field);
                        return Err(FilterError(format!("the field {name:?} has an empty part")));
                    }
                    for test in tests(value, room)? {
                        conditions.push(Condition::Field(path.clone(), test));
                    }
                }
            }
        }
        Ok(Self(conditions))
    }
}

fn alternatives(name: &str, value: Value, room: &mut usize) -> Result<Vec<Filter>, FilterError> {
    let wrong = || FilterError(format!("`{name}` takes a list of filters that is not empty"));
    let Value::Array(filters) = value else { return Err(wrong()) };
    if filters.is_empty() {
        return Err(wrong());
    }
    let read = |filter| match filter {
        Value::Object(filter) => {
            take(room, 1)?;
            Filter::read(filter, room)
        }
        _ => Err(wrong()),
    };
    filters.into_iter().map(read).collect()
}

/// What a field is held against: operators, or the value that it equals.
fn tests(value: Value, room: &mut usize) -> Result<Vec<Test>, FilterError> {
    take(room, 1)?;
    match value {
        Value::Object(operators) if operators.keys().any(|name| name.starts_with('$')) => {
            operators.into_iter().map(|(name, value)| test(&name, value, room)).collect()
        }
        value => Ok(vec![Test::In(vec![value])]),
    }
}

fn test(name: &str, value: Value, room: &mut usize) -> Result<Test, FilterError> {
    use Ordering::{Equal, Greater, Less};
    let test = match (name, value) {
        ("$in", Value::Array(values)) => {
            take(room, values.len())?;
            Test::In(values)
        }
        ("$in", _) => return Err(FilterError("`$in` takes a list of values".into())),
        ("$ne", value) => Test::Not(value),
        ("$exists", Value::Bool(exists)) => Test::Exists(exists),
        ("$exists", _) => return Err(FilterError("`$exists` takes true or false".into())),
        ("$gt", value) => Test::Compares(&[Greater], comparable(name, value)?),
        ("$gte", value) => Test::Compares(&[Greater, Equal], comparable(name, value)?),
        ("$lt", value) => Test::Compares(&[Less], comparable(name, value)?),
        ("$lte", value) => Test::Compares(&[Less, Equal], comparable(name, value)?),
        (other, _) => return Err(unknown(other)),
    };
    Ok(test)
}

fn comparable(name: &str, value: Value) -> Result<Value, FilterError> {
    match value {
        Value::Number(_) | Value::String(_) | Value::Bool(_) => Ok(value),
        _ => Err(FilterError(format!("`{name}` takes a number, a text, or true or false"))),
    }
}

fn take(room: &mut usize, values: usize) -> Result<(), FilterError> {
    let left = room.checked_sub(values);
    *room =
        left.ok_or_else(|| FilterError(format!("the filter has more than {MAX_VALUES} values")))?;
    Ok(())
}

fn unknown(name: &str) -> FilterError {
    let name = shown(name);
    FilterError(if name.starts_with('$') {
        format!("there is no operator `{name}`: filters have {OPERATORS}")
    } else {
        format!("the field `{name}` stands beside operators")
    })
}

fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}

impl Test {
    fn holds(&self, document: &Value, path: &[String]) -> bool {
        match self {
            Self::In(values) => values.iter().any(|value| has(document, path, value)),
            Self::Not(value) => !has(document, path, value),
            Self::Compares(orders, value) => any(document, path, &mut |found| {
                compare(found, value).is_some_and(|order| orders.contains(&order))
            }),
            Self::Exists(exists) => is_there(document, path) == *exists,
        }
    }
}

/// Whether a field is a value, or an array that has it; null is also what is absent.
fn has(document: &Value, path: &[String], value: &Value) -> bool {
    any(document, path, &mut |found| same(found, value))
        || (value.is_null() && !is_there(document, path))
}

fn is_there(document: &Value, path: &[String]) -> bool {
    any(document, path, &mut |_| true)
}

/// Whether `test` holds for a value at the end of a path: the value itself, and each element of
/// an array.
fn any(value: &Value, path: &[String], test: &mut dyn FnMut(&Value) -> bool) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return test(value)
            || matches!(value, Value::Array(elements) if elements.iter().any(&mut *test));
    };
    match as_json(value).as_ref() {
        Value::Object(fields) => fields.get(name).is_some_and(|inner| any(inner, rest, test)),
        Value::Array(elements) => {
            let numbered = name.parse::<usize>().ok().and_then(|n| elements.get(n));
            if numbered.is_some_and(|element| any(element, rest, test)) {
                return true;
            }
            // An array in an array is not looked into, as MongoDB does.
            let objects = elements.iter().filter(|element| element.is_object());
            objects.into_iter().any(|element| any(element, path, test))
        }
        _ => false,
    }
}

/// Text of a JSON object or array as what it says: metadata comes as both.
fn as_json(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(text).map_or(Cow::Borrowed(value), Cow::Owned)
        }
        value => Cow::Borrowed(value),
    }
}

/// Equality, with numbers by their values: 1 is 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => compare(one, other) == Some(Ordering::Equal),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let fits = |(name, a): (&String, &Value)| other.get(name).is_some_and(|b| same(a, b));
            one.len() == other.len() && one.iter().all(fits)
        }
        _ => one == other,
    }
}

/// The order of two values of one type.
fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (whole(one), whole(other)) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
        },
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        (Value::Bool(one), Value::Bool(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

fn whole(number: &serde_json::Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(filter: Value) -> Result<Filter, FilterError> {
        let Value::Object(filter) = filter else { panic!("no object") };
        Filter::parse(filter)
    }

    #[track_caller]
    fn fits(filter: Value, expected: bool) {
        let document = json!({
            "_id": "cam/1", "size": 10, "none": null,
            "metadata": { "tags": ["image", "night"], "lens": { "mm": 35.0 },
                          "boxes": [{ "label": "cat" }, { "label": "dog", "score": 0.5 }] },
            "text": "{\"tags\": [\"a\"], \"n\": 1}", "repr": "{'tags': ['a']}",
        });
        assert_eq!(parse(filter.clone()).unwrap().fits(&document), expected, "{filter}");
    }

    #[test]
    fn a_plain_value_is_equality() {
        fits(json!({}), true);
        fits(json!({ "_id": "cam/1" }), true);
        fits(json!({ "_id": "cam" }), false);
        fits(json!({ "size": 10.0 }), true);
        fits(json!({ "size": "10" }), false);
        fits(json!({ "metadata.lens": { "mm": 35 } }), true);
        fits(json!({ "_id": "cam/1", "size": 11 }), false);
        fits(json!({ "metadata.tags": ["image", "night"] }), true);
        fits(json!({ "metadata.tags": ["night", "image"] }), false);
    }

    #[test]
    fn paths_lead_into_objects_arrays_and_text_of_json() {
        fits(json!({ "metadata.tags": "image" }), true);
        fits(json!({ "metadata.tags": "day" }), false);
        fits(json!({ "metadata.tags.1": "night" }), true);
        fits(json!({ "metadata.boxes.label": "dog" }), true);
        fits(json!({ "metadata.boxes.0.label": "dog" }), false);
        fits(json!({ "metadata.lens.mm": 35 }), true);
        fits(json!({ "metadata.lens.mm.x": 35 }), false);
        fits(json!({ "text.tags": "a" }), true);
        fits(json!({ "text": "{\"tags\": [\"a\"], \"n\": 1}" }), true);
        fits(json!({ "repr.tags": "a" }), false);
    }

    #[test]
    fn null_is_also_what_is_absent() {
        fits(json!({ "none": null }), true);
        fits(json!({ "absent": null }), true);
        fits(json!({ "size": null }), false);
        fits(json!({ "absent": { "$ne": null } }), false);
        fits(json!({ "none": { "$exists": true } }), true);
        fits(json!({ "absent": { "$exists": true } }), false);
        fits(json!({ "absent.x": { "$exists": false } }), true);
    }

    #[test]
    fn operators_compare_values_of_one_type() {
        fits(json!({ "size": { "$gt": 9, "$lte": 10 } }), true);
        fits(json!({ "size": { "$gt": 10 } }), false);
        fits(json!({ "size": { "$gte": 10.0 } }), true);
        fits(json!({ "size": { "$lt": "11" } }), false);
        fits(json!({ "_id": { "$gte": "cam/", "$lt": "cam0" } }), true);
        fits(json!({ "metadata.boxes.score": { "$lt": 1 } }), true);
        fits(json!({ "size": { "$in": [1, 10] } }), true);
        fits(json!({ "size": { "$in": [] } }), false);
        fits(json!({ "metadata.tags": { "$in": ["day", "night"] } }), true);
        fits(json!({ "size": { "$ne": 10 } }), false);
        fits(json!({ "metadata.tags": { "$ne": "image" } }), false);
        fits(json!({ "absent": { "$ne": 1 } }), true);
        let large = json!({ "n": u64::MAX });
        assert!(!parse(json!({ "n": u64::MAX - 1 })).unwrap().fits(&large));
    }

    #[test]
    fn filters_are_joined_by_and_and_or() {
        fits(json!({ "$or": [{ "size": 1 }, { "_id": "cam/1" }] }), true);
        fits(json!({ "$or": [{ "size": 1 }], "_id": "cam/1" }), false);
        fits(json!({ "$and": [{ "size": 10 }, { "$or": [{ "size": 1 }] }] }), false);
    }

    #[test]
    fn everything_else_is_refused_by_its_name() {
        for (filter, error) in [
            (json!({ "$where": "1" }), "no operator `$where`"),
            (json!({ "a": { "$regex": "x" } }), "no operator `$regex`"),
            (json!({ "a": { "$not": { "$gt": 1 } } }), "no operator `$not`"),
            (json!({ "$or": [{ "$nor": [] }] }), "no operator `$nor`"),
            (json!({ "a": { "$gt": 1, "b": 2 } }), "the field `b` stands beside operators"),
            (json!({ "$or": [] }), "`$or` takes a list of filters"),
            (json!({ "$and": { "a": 1 } }), "`$and` takes a list of filters"),
            (json!({ "a": { "$in": 1 } }), "`$in` takes a list"),
            (json!({ "a": { "$gt": null } }), "`$gt` takes a number"),
            (json!({ "a": { "$exists": 1 } }), "`$exists` takes true or false"),
            (json!({ "a..b": 1 }), "\"a..b\" has an empty part"),
            (json!({ "a": { "$in": vec![0; 1000] } }), "more than 1000 values"),
        ] {
            let found = parse(filter).unwrap_err().to_string();
            assert!(found.contains(error), "`{error}` is not in `{found}`");
        }
    }

    #[test]
    fn a_text_that_all_documents_have_is_known_beforehand() {
        let filter = parse(json!({ "framedb_id": "a", "$or": [{ "_id": "x" }] })).unwrap();
        assert_eq!((filter.text("framedb_id"), filter.text("_id")), (Some("a"), None));
    }
}
