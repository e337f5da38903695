//! Values of SQL as the interfaces of Spin have them, with the types that Spin gives them.
//!
//! The two interfaces have the same types under two names, so each conversion is written once
//! and made for both.

use super::bindings::{fermyon::spin::rdbms_types as v2, spin::mysql::mysql as v3};
use crate::driver::mysql::{
    Column, ColumnFlags, ColumnType, Complaint, FromValue, FromValueError, Row, Value,
    from_value_opt,
};

/// What an interface calls the parts of statements and answers.
pub(super) trait Names: 'static {
    type Parameter;
    type Column;
    type Value: Send + Sync + 'static;
    type Error;

    /// A parameter, ready to be bound.
    fn parameter(parameter: Self::Parameter) -> Value;

    /// A column with its type.
    fn column(column: &Column) -> Self::Column;

    /// A value of a column.
    fn value(value: Value, column: &Column) -> Result<Self::Value, Complaint>;

    /// An error for the guest.
    fn error(complaint: Complaint, label: &str) -> Self::Error;

    /// The values of a row.
    fn row(mut row: Row) -> Result<Vec<Self::Value>, Complaint> {
        let columns = row.columns();
        let value = |(index, column)| Self::value(row.take(index).unwrap_or(Value::NULL), column);
        columns.iter().enumerate().map(value).collect()
    }
}

/// The names of `spin:mysql@3.0.0`.
pub(super) struct V3;

/// The names of `fermyon:spin/mysql@2.0.0`.
pub(super) struct V2;

/// The type of a column, as far as plugins can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Floating32,
    Floating64,
    Str,
    Binary,
    Other,
}

impl Kind {
    fn of(column: &Column) -> Self {
        let flag = |flag| column.flags().contains(flag);
        let signed = !flag(ColumnFlags::UNSIGNED_FLAG);
        let binary = flag(ColumnFlags::BINARY_FLAG);
        match column.column_type() {
            ColumnType::MYSQL_TYPE_DOUBLE => Self::Floating64,
            ColumnType::MYSQL_TYPE_FLOAT => Self::Floating32,
            ColumnType::MYSQL_TYPE_INT24 | ColumnType::MYSQL_TYPE_LONG if signed => Self::Int32,
            ColumnType::MYSQL_TYPE_INT24 | ColumnType::MYSQL_TYPE_LONG => Self::Uint32,
            ColumnType::MYSQL_TYPE_LONGLONG if signed => Self::Int64,
            ColumnType::MYSQL_TYPE_LONGLONG => Self::Uint64,
            ColumnType::MYSQL_TYPE_SHORT if signed => Self::Int16,
            ColumnType::MYSQL_TYPE_SHORT => Self::Uint16,
            ColumnType::MYSQL_TYPE_TINY if signed => Self::Int8,
            ColumnType::MYSQL_TYPE_TINY => Self::Uint8,
            ColumnType::MYSQL_TYPE_BLOB
            | ColumnType::MYSQL_TYPE_STRING
            | ColumnType::MYSQL_TYPE_VAR_STRING => match binary {
                true => Self::Binary,
                false => Self::Str,
            },
            ColumnType::MYSQL_TYPE_LONG_BLOB | ColumnType::MYSQL_TYPE_MEDIUM_BLOB => Self::Binary,
            _ => Self::Other,
        }
    }
}

/// A value as a Rust type.
fn read<T: FromValue>(value: Value, column: &Column) -> Result<T, Complaint> {
    from_value_opt(value).map_err(|FromValueError(_)| unreadable(column))
}

/// The value is not shown: it may be anybody's.
fn unreadable(column: &Column) -> Complaint {
    let (name, kind) = (column.name_str(), column.column_type());
    Complaint::Conversion(format!(
        "the column `{name}` has the type {kind:?}, which has no name here"
    ))
}

macro_rules! names {
    ($name:ident, $wit:ident) => {
        impl Names for $name {
            type Parameter = $wit::ParameterValue;
            type Column = $wit::Column;
            type Value = $wit::DbValue;
            type Error = $wit::Error;

            fn parameter(parameter: Self::Parameter) -> Value {
                use $wit::ParameterValue as P;
                match parameter {
                    P::Boolean(value) => value.into(),
                    P::Int8(value) => value.into(),
                    P::Int16(value) => value.into(),
                    P::Int32(value) => value.into(),
                    P::Int64(value) => value.into(),
                    P::Uint8(value) => value.into(),
                    P::Uint16(value) => value.into(),
                    P::Uint32(value) => value.into(),
                    P::Uint64(value) => value.into(),
                    P::Floating32(value) => value.into(),
                    P::Floating64(value) => value.into(),
                    P::Str(value) => value.into(),
                    P::Binary(value) => value.into(),
                    P::DbNull => Value::NULL,
                }
            }

            fn column(column: &Column) -> Self::Column {
                use $wit::DbDataType as T;
                let data_type = match Kind::of(column) {
                    Kind::Int8 => T::Int8,
                    Kind::Int16 => T::Int16,
                    Kind::Int32 => T::Int32,
                    Kind::Int64 => T::Int64,
                    Kind::Uint8 => T::Uint8,
                    Kind::Uint16 => T::Uint16,
                    Kind::Uint32 => T::Uint32,
                    Kind::Uint64 => T::Uint64,
                    Kind::Floating32 => T::Floating32,
                    Kind::Floating64 => T::Floating64,
                    Kind::Str => T::Str,
                    Kind::Binary => T::Binary,
                    Kind::Other => T::Other,
                };
                $wit::Column { name: column.name_str().into_owned(), data_type }
            }

            fn value(value: Value, column: &Column) -> Result<Self::Value, Complaint> {
                use $wit::DbValue as V;
                if value == Value::NULL {
                    return Ok(V::DbNull);
                }
                Ok(match Kind::of(column) {
                    Kind::Int8 => V::Int8(read(value, column)?),
                    Kind::Int16 => V::Int16(read(value, column)?),
                    Kind::Int32 => V::Int32(read(value, column)?),
                    Kind::Int64 => V::Int64(read(value, column)?),
                    Kind::Uint8 => V::Uint8(read(value, column)?),
                    Kind::Uint16 => V::Uint16(read(value, column)?),
                    Kind::Uint32 => V::Uint32(read(value, column)?),
                    Kind::Uint64 => V::Uint64(read(value, column)?),
                    Kind::Floating32 => V::Floating32(read(value, column)?),
                    Kind::Floating64 => V::Floating64(read(value, column)?),
                    Kind::Str => V::Str(read(value, column)?),
                    Kind::Binary => V::Binary(read(value, column)?),
                    Kind::Other => return Err(unreadable(column)),
                })
            }

            fn error(complaint: Complaint, label: &str) -> Self::Error {
                use $wit::Error as E;
                let text = format!("cannot use the database `{label}`: {complaint}");
                match complaint {
                    Complaint::Connection(_) => E::ConnectionFailed(text),
                    Complaint::Parameter(_) => E::BadParameter(text),
                    Complaint::Statement(_) => E::QueryFailed(text),
                    Complaint::Conversion(_) => E::ValueConversionFailed(text),
                    Complaint::Other(_) => E::Other(text),
                }
            }
        }
    };
}

names!(V3, v3);
names!(V2, v2);
