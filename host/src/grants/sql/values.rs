//! Literals, and the small words that have to stay as they are.

use super::{Walk, absent, names, not_taken};
use sqlparser::ast::{DataType, DateTimeField, Ident, ObjectName, ObjectNamePart, Value};

/// Casts have these types, with a length or a precision.
const TYPES: &[&str] = &[
    "BINARY",
    "CHAR",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "JSON",
    "NCHAR",
    "REAL",
    "SIGNED",
    "SIGNED INTEGER",
    "TIME",
    "UNSIGNED",
    "UNSIGNED INTEGER",
    "YEAR",
];

/// Units of time.
const UNITS: &[&str] = &[
    "DAY",
    "DAY_HOUR",
    "DAY_MICROSECOND",
    "DAY_MINUTE",
    "DAY_SECOND",
    "HOUR",
    "HOUR_MICROSECOND",
    "HOUR_MINUTE",
    "HOUR_SECOND",
    "MICROSECOND",
    "MINUTE",
    "MINUTE_MICROSECOND",
    "MINUTE_SECOND",
    "MONTH",
    "QUARTER",
    "SECOND",
    "SECOND_MICROSECOND",
    "WEEK",
    "YEAR",
    "YEAR_MONTH",
];

/// What may stand in front of a text to say its character set. In none of them a letter has a
/// quote or a backslash among its bytes.
const INTRODUCERS: &[&str] = &["_ascii", "_binary", "_latin1", "_utf8", "_utf8mb3", "_utf8mb4"];

/// A literal; texts are made ready to be rendered.
pub(super) fn value(value: &mut Value) -> Walk {
    match value {
        Value::Number(digits, long) => {
            let number = |byte: u8| byte.is_ascii_digit() || b".eE+-".contains(&byte);
            absent(!*long && digits.bytes().all(number), "such a number")
        }
        Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => {
            // In single quotes, which are quotes in every SQL mode.
            *value = Value::SingleQuotedString(escape(text));
            Ok(())
        }
        Value::HexStringLiteral(digits) => {
            let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            absent(hex, "such a hexadecimal literal")
        }
        Value::Boolean(_) | Value::Null => Ok(()),
        Value::Placeholder(mark) => absent(mark == "?", "placeholders other than `?`"),
        _ => Err(not_taken("such a literal")),
    }
}

/// Doubles quotes and backslashes. A run of backslashes is then even and a run of quotes, too,
/// so the text ends where it should, whether backslashes escape or not. It is also a form that
/// the parser's own rendering, which guesses what is escaped already, leaves as it is.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\'' | '\\' => out.extend([letter, letter]),
            '\0' => out.push_str("\\0"),
            letter => out.push(letter),
        }
    }
    out
}

/// The type of a cast.
pub(super) fn data_type(data_type: &DataType) -> Walk {
    let text = data_type.to_string().to_ascii_uppercase();
    let (name, size) = text.split_once('(').unwrap_or((&text, ""));
    let sized = size.bytes().all(|byte| byte.is_ascii_digit() || b",)".contains(&byte));
    absent(TYPES.contains(&name) && sized, "a cast to such a type")
}

/// A unit of time.
pub(super) fn unit(field: &DateTimeField) -> Walk {
    let text = field.to_string().to_ascii_uppercase();
    absent(UNITS.contains(&text.as_str()), "such a unit of time")
}

/// Whether a name is a unit of time, as `TIMESTAMPDIFF` takes it.
pub(super) fn is_unit(ident: &Ident) -> bool {
    names::is_plain(ident) && UNITS.contains(&ident.value.to_ascii_uppercase().as_str())
}

/// A character set in front of a text.
pub(super) fn introducer(ident: &Ident) -> Walk {
    let name = ident.value.to_ascii_lowercase();
    let known = names::is_plain(ident) && INTRODUCERS.contains(&name.as_str());
    absent(known, "such a character set")
}

/// The name of a collation or a character set, which cannot stand in quotes everywhere.
pub(super) fn plain_name(name: &ObjectName) -> Walk {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] if names::is_plain(ident) => Ok(()),
        _ => Err(not_taken("such a collation or character set")),
    }
}
