//! What an operator sets.

use serde::Deserialize;
use std::time::Duration;

/// The plugin's settings, each under `dedup_<name>`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How long an object counts as seen, such as `10m`.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// What has to be the same.
    pub by: By,
    /// The bucket that keeps what was seen, by its label.
    pub bucket: String,
}

impl Default for Settings {
    fn default() -> Self {
        // What a camera sends again after a lost connection comes within minutes.
        let window = Duration::from_secs(600);
        Self { window, by: By::default(), bucket: "default".into() }
    }
}

/// What has to be the same for an object to be a repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum By {
    /// `payload`: the bytes.
    #[default]
    Payload,
    /// `key`: the key.
    Key,
    /// `metadata.NAME`: this field of metadata that are a JSON object.
    Metadata(String),
}

impl TryFrom<String> for By {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.strip_prefix("metadata.")) {
            ("payload", _) => Ok(Self::Payload),
            ("key", _) => Ok(Self::Key),
            (_, Some(field)) if !field.is_empty() => Ok(Self::Metadata(field.into())),
            _ => Err("payload, key or metadata.NAME".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Settings, String> {
        framedb_plugin::settings::read("dedup", |name| {
            let found = settings.iter().find(|(set, _)| *set == name);
            Ok(found.map(|(_, value)| (*value).to_owned()))
        })
    }

    #[test]
    fn everything_has_a_default() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.window.as_secs(), settings.by), (600, By::Payload));
        assert_eq!(settings.bucket, "default");
    }

    #[test]
    fn what_is_set_counts() {
        let settings = [
            ("dedup_window", "2h 30m"),
            ("dedup_by", "metadata.frame"),
            ("dedup_bucket", "shared"),
        ];
        let settings = read(&settings).unwrap();
        assert_eq!(settings.window.as_secs(), 9000);
        assert_eq!(settings.by, By::Metadata("frame".into()));
        assert_eq!(settings.bucket, "shared");
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (name, value) in
            [("dedup_by", "size"), ("dedup_by", "metadata."), ("dedup_window", "x")]
        {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }
}
