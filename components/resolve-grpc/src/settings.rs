//! What the operator sets, and what becomes of objects that the service has no answer for.

use framedb_plugin::{grpc::Channel, resolve::Kind};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::time::Duration;

/// What the operator sets.
#[derive(Debug, serde::Deserialize)]
pub struct Settings {
    /// `grpc_address`: the service, as `http://LABEL` with the label of a grant.
    #[serde(deserialize_with = "channel")]
    pub(crate) address: Channel,
    /// `grpc_timeout_ms`: how long an answer may take to begin.
    #[serde(default = "timeout")]
    timeout_ms: u64,
    /// `grpc_fallback`: what becomes of objects that the service has no answer for.
    #[serde(default)]
    pub(crate) fallback: Fallback,
}

impl Settings {
    /// The service, with the time that it has.
    pub(crate) fn channel(&self) -> Channel {
        self.address.clone().timeout(Duration::from_millis(self.timeout_ms))
    }
}

/// What becomes of an object that there is no answer for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// It is tried again later.
    #[default]
    Retry,
    /// Its sender is told why.
    Reject,
    /// It is stored at this instance, as this kind unless its sender named one.
    Place(String, Option<Kind>),
}

impl<'de> Deserialize<'de> for Fallback {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || {
            D::Error::custom(
                "`retry`, `reject` or a placement as `framedb-id` or `framedb-id kind` with the \
                 kind in-memory, storage or stream",
            )
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let kinds = [Kind::InMemory, Kind::Storage, Kind::Stream];
        match words.as_slice() {
            ["retry"] => Ok(Self::Retry),
            ["reject"] => Ok(Self::Reject),
            [id] => Ok(Self::Place((*id).to_owned(), None)),
            [id, kind] => {
                let kind = kinds.into_iter().find(|known| known.as_str() == *kind);
                Ok(Self::Place((*id).to_owned(), Some(kind.ok_or_else(wrong)?)))
            }
            _ => Err(wrong()),
        }
    }
}

fn channel<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Channel, D::Error> {
    Channel::new(&String::deserialize(deserializer)?)
        .map_err(|_| D::Error::custom("an address such as `http://routes`"))
}

/// Room for a service in the same site, and well below the time of a batch.
fn timeout() -> u64 {
    1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Settings, String> {
        let value = |name: &str| settings.iter().find(|(set, _)| *set == name);
        framedb_plugin::settings::read("grpc", |name| {
            Ok(value(name).map(|(_, value)| (*value).to_owned()))
        })
    }

    #[test]
    fn a_fallback_is_a_word_or_a_placement() {
        let fallback = |text| {
            read(&[("grpc_address", "http://routes"), ("grpc_fallback", text)])
                .map(|settings| settings.fallback)
        };
        assert_eq!(fallback("reject"), Ok(Fallback::Reject));
        assert_eq!(fallback("disk"), Ok(Fallback::Place("disk".into(), None)));
        assert_eq!(fallback("m stream"), Ok(Fallback::Place("m".into(), Some(Kind::Stream))));
        for text in ["", "a b", "a stream b"] {
            assert!(fallback(text).unwrap_err().contains("grpc_fallback"), "{text}");
        }
        let wrong = "setting `grpc_fallback` is `disk wrong`, expected `retry`, `reject` or a ";
        assert!(fallback("disk wrong").unwrap_err().starts_with(wrong));
    }

    #[test]
    fn an_address_is_needed_and_checked() {
        assert!(read(&[]).unwrap_err().contains("set `grpc_address`"));
        assert!(read(&[("grpc_address", "routes")]).unwrap_err().contains("http://routes"));
        assert_eq!(read(&[("grpc_address", "http://r")]).unwrap().fallback, Fallback::Retry);
    }
}
