//! `ServerUrl`: where a server is, with the credentials that no message may show.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A URL of the configuration. Its `Debug` shows the scheme only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// The URL with everything in it, to connect with.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What stands before the first colon.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }
}

impl From<&str> for ServerUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}:…\"", self.scheme())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_password_nor_host() {
        let shown = format!("{:?}", ServerUrl::from("redis://u:secret@host/0"));
        assert_eq!(shown, "\"redis:…\"");
        assert_eq!(format!("{:?}", ServerUrl::from("secret")), "\":…\"");
    }
}
