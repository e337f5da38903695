//! What the operator sets.

use http::{Uri, uri::Scheme};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{num::NonZeroU64, time::Duration};

/// The plugin's settings, each under `admit_<name>`.
#[derive(Debug, Deserialize)]
pub struct Settings {
    /// `admit_url`: the service, as `http://LABEL/path` with the label of a grant.
    #[serde(deserialize_with = "url")]
    pub(crate) url: Uri,
    /// `admit_timeout_ms`: how long an answer may take to begin.
    #[serde(default = "timeout")]
    timeout_ms: NonZeroU64,
    /// `admit_on_error`: what becomes of objects that there is no answer for.
    #[serde(default)]
    pub(crate) on_error: OnError,
}

impl Settings {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.get())
    }
}

/// What becomes of an object that there is no answer for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnError {
    /// It is tried again later, unless a grant is missing: then its sender is told.
    #[default]
    Retry,
    /// It goes on as if the service had said yes.
    Accept,
    /// Its sender is told.
    Reject,
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uri, D::Error> {
    let url = String::deserialize(deserializer)?.parse::<Uri>().ok();
    let known = |url: &Uri| {
        // Credentials have no place in a request's target.
        url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && url.scheme().is_some_and(|said| *said == Scheme::HTTP || *said == Scheme::HTTPS)
    };
    url.filter(known).ok_or_else(|| D::Error::custom("a URL such as `http://gate/objects`"))
}

/// Room for a service in the same site, and well below the time of a batch.
fn timeout() -> NonZeroU64 {
    const { NonZeroU64::new(1000).unwrap() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Settings, String> {
        let value = |name: &str| settings.iter().find(|(set, _)| *set == name);
        framedb_plugin::settings::read("admit", |name| {
            Ok(value(name).map(|(_, value)| (*value).to_owned()))
        })
    }

    #[test]
    fn a_url_is_needed_and_checked() {
        assert!(read(&[]).unwrap_err().contains("set `admit_url`"));
        for wrong in ["gate", "/objects", "ftp://gate", "http://", "http://u:p@gate"] {
            let error = read(&[("admit_url", wrong)]).unwrap_err();
            assert!(error.contains("expected a URL such as `http://gate/objects`"), "{error}");
        }
        let settings = read(&[("admit_url", "https://gate")]).unwrap();
        assert_eq!((settings.timeout().as_millis(), settings.on_error), (1000, OnError::Retry));
    }

    #[test]
    fn some_time_is_left_for_an_answer() {
        let error = read(&[("admit_url", "http://gate"), ("admit_timeout_ms", "0")]).unwrap_err();
        assert!(error.contains("admit_timeout_ms"), "{error}");
    }

    #[test]
    fn what_becomes_of_objects_without_an_answer_is_one_of_three() {
        let on_error = |word| {
            read(&[("admit_url", "http://gate"), ("admit_on_error", word)])
                .map(|settings| settings.on_error)
        };
        assert_eq!(on_error("accept"), Ok(OnError::Accept));
        assert_eq!(on_error("reject"), Ok(OnError::Reject));
        assert!(on_error("drop").unwrap_err().contains("admit_on_error"));
    }
}
