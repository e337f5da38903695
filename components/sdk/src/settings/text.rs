//! The text of one setting, as the value that a field wants.

use super::error::Error;
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};

/// Reads what it yields, so that values own their text and outlive the setting's.
type Json<'a> = serde_json::Deserializer<serde_json::de::IoRead<&'a [u8]>>;

/// A setting's text.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Text<'_> {
    /// Reads the text as JSON, for values with parts.
    fn json<T>(
        &self,
        what: &str,
        read: impl FnOnce(&mut Json<'_>) -> serde_json::Result<T>,
    ) -> Result<T, Error> {
        let mut json = Json::from_reader(self.0.as_bytes());
        read(&mut json)
            .and_then(|value| json.end().map(|()| value))
            .map_err(|error| Error::custom(format_args!("{what} as JSON: {error}")))
    }
}

macro_rules! whole_numbers {
    ($($deserialize:ident $visit:ident $type:ty),+) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = self.0.trim().parse::<$type>().map_err(|_| {
                Error::custom(format_args!(
                    "a whole number from {} to {}", <$type>::MIN, <$type>::MAX
                ))
            })?;
            visitor.$visit(number)
        }
    )+};
}

impl<'de> Deserializer<'de> for Text<'_> {
    type Error = Error;

    whole_numbers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let number = self.0.trim().parse().map_err(|_| Error::custom("a number"))?;
        visitor.visit_f64(number)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.trim() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(Error::custom("true or false")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        cases: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.0.trim_start().starts_with('{') {
            return self.json("a case", |json| json.deserialize_enum(name, cases, visitor));
        }
        visitor.visit_enum(self.0.trim().into_deserializer())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.json("a list", |json| json.deserialize_seq(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.json("a list", |json| json.deserialize_tuple(length, visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.json("a list", |json| json.deserialize_tuple_struct(name, length, visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.json("an object", |json| json.deserialize_map(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.json("an object", |json| json.deserialize_struct(name, fields, visitor))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct identifier ignored_any
    }
}
