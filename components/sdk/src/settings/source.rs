//! A struct of settings: its fields' names lead to their texts.

use super::{error::Error, full, text::Text};
use serde::{
    de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor},
    forward_to_deserialize_any,
};

/// The longest part of a value that an error shows.
const SHOWN: usize = 60;

/// All settings of a plugin.
pub(super) struct Source<'a, G> {
    name: &'a str,
    get: &'a mut G,
    skipped: &'a [&'static str],
}

impl<'a, G> Source<'a, G> {
    /// The settings of `name`, without the fields `skipped`.
    pub(super) fn new(name: &'a str, get: &'a mut G, skipped: &'a [&'static str]) -> Self {
        Self { name, get, skipped }
    }
}

impl<'de, G> Deserializer<'de> for Source<'_, G>
where
    G: FnMut(&str) -> Result<Option<String>, String>,
{
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { source: self, fields: fields.iter(), current: None })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("use a struct with one field per setting, or `()`"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Fields<'a, G> {
    source: Source<'a, G>,
    fields: std::slice::Iter<'static, &'static str>,
    current: Option<(&'static str, String)>,
}

impl<'de, G> MapAccess<'de> for Fields<'_, G>
where
    G: FnMut(&str) -> Result<Option<String>, String>,
{
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        for &field in self.fields.by_ref() {
            if self.source.skipped.contains(&field) {
                continue;
            }
            let setting = full(self.source.name, field);
            let text = (self.source.get)(&setting).map_err(|reason| {
                Error::Field(field, format!("setting `{setting}` could not be read: {reason}"))
            })?;
            if let Some(text) = text {
                self.current = Some((field, text));
                return seed.deserialize(field.into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((field, text)) = self.current.take() else {
            return Err(Error::custom("a value was asked for before its name"));
        };
        seed.deserialize(Text(&text)).map_err(|error| {
            let setting = full(self.source.name, field);
            let cut = text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at);
            let (shown, more) = text.split_at(cut);
            let more = if more.is_empty() { "" } else { "…" };
            Error::Field(field, format!("setting `{setting}` is `{shown}{more}`, expected {error}"))
        })
    }
}
