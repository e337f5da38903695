//! `Secrets`: settings of a plugin whose values are in no record and in no message.

use std::collections::BTreeMap;

/// Bytes that a value has at least to be looked for inside other texts; a shorter one would be
/// found everywhere, and is replaced only where it stands alone.
pub(super) const LEAST: usize = 4;

/// The secret settings of a plugin. What leaves the node has a placeholder instead of each.
#[derive(Default)]
pub(crate) struct Secrets(Vec<Secret>);

struct Secret {
    value: String,
    placeholder: String,
}

impl Secrets {
    /// The settings of these names.
    pub(super) fn of(settings: &BTreeMap<String, String>, names: &[String]) -> Self {
        let secret = |name: &String| {
            let value = settings.get(name).filter(|value| !value.is_empty())?;
            let placeholder = format!("<secret {name}>");
            // Quoted, as texts with special characters are in JSON and in errors.
            let quoted = serde_json::to_string(value).unwrap_or_default();
            let quoted =
                quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned();
            let values = if quoted == *value { vec![quoted] } else { vec![value.clone(), quoted] };
            let placed = move |value| Secret { value, placeholder: placeholder.clone() };
            Some(values.into_iter().map(placed))
        };
        let mut secrets: Vec<_> = names.iter().filter_map(secret).flatten().collect();
        // One that contains another is replaced whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.len()));
        Self(secrets)
    }

    /// A text without them.
    pub(crate) fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, Secret { value, placeholder }| {
            if text == *value {
                placeholder.clone()
            } else if value.len() >= LEAST {
                text.replace(value, placeholder)
            } else {
                text
            }
        })
    }

    /// Bytes without them.
    pub(super) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match String::from_utf8(bytes) {
            Ok(text) => self.text(&text).into_bytes(),
            Err(error) => self.0.iter().fold(error.into_bytes(), |bytes, secret| {
                if secret.value.len() < LEAST {
                    return bytes;
                }
                replaced(&bytes, secret.value.as_bytes(), secret.placeholder.as_bytes())
            }),
        }
    }
}

/// Bytes with another text for each occurrence of one.
fn replaced(bytes: &[u8], value: &[u8], by: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first() {
        match rest.strip_prefix(value) {
            Some(behind) => {
                result.extend_from_slice(by);
                rest = behind;
            }
            None => {
                result.push(*first);
                rest = behind;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced_wherever_they_stand_and_short_ones_where_they_stand_alone() {
        let settings = [("a", "hunter2"), ("b", "1"), ("c", "open")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let secrets = Secrets::of(&settings, &["a".into(), "b".into(), "unset".into()]);
        assert_eq!(secrets.text("x hunter2 1 open"), "x <secret a> 1 open");
        assert_eq!(secrets.text("1"), "<secret b>");
        let settings = [("d".to_owned(), "say \"so\"".to_owned())].into();
        let quotes = Secrets::of(&settings, &["d".into()]);
        assert_eq!(
            quotes.text(r#"{"a":"say \"so\""} say "so""#),
            r#"{"a":"<secret d>"} <secret d>"#
        );
        assert_eq!(secrets.bytes(b"\xffhunter2\xff".to_vec()), b"\xff<secret a>\xff");
    }
}
