//! What queries may say; unknown names are refused, so that a slip does not store an object
//! somewhere else.

use super::Problem;
use crate::Kind;
use http::Uri;
use serde::{Deserialize, de::DeserializeOwned};
use std::{str::FromStr, time::Duration};

/// How long a lease lasts when nobody says so.
const DEFAULT_LEASE: Duration = Duration::from_secs(30);

/// The longest lease; a consumer that needs more extends it.
const LONGEST_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a sender wants an object.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Put {
    /// The instance; empty where nobody said.
    pub framedb_id: String,
    /// The kind; empty where nobody said.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Which objects a listing shows.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct List {
    /// What keys begin with.
    pub prefix: String,
    /// The key after which the page begins.
    pub after: Option<String>,
    /// Routes on the page.
    pub limit: Option<usize>,
    /// The kind; empty for all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The instance.
    pub framedb_id: Option<String>,
}

/// Which dead letters a listing shows.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Letters {
    /// The letter after which the page begins.
    pub after: Option<String>,
    /// Letters on the page.
    pub limit: Option<usize>,
}

/// A lease and its length.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lease {
    token: String,
    #[serde(rename = "for")]
    period: String,
}

/// No parameters at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Reads the query of a request.
///
/// # Errors
///
/// Names what is unknown or wrong in it.
pub fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs))
        .map_err(|error| Problem::invalid(format_args!("the query is wrong: {error}")))
}

/// The kind that a query names, if it does.
///
/// # Errors
///
/// When there is no such kind.
pub fn kind(text: &str) -> Result<Option<Kind>, Problem> {
    match text {
        "" => Ok(None),
        text => Kind::from_str(text).map(Some).map_err(Problem::invalid),
    }
}

impl Lease {
    /// The token, which there must be.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn token(&self) -> Result<&str, Problem> {
        match self.token.as_str() {
            "" => Err(Problem::invalid("the query has no `token`")
                .with_hint("a lease answers its token as x-framedb-token")),
            token => Ok(token),
        }
    }

    /// Refuses a length where none has a meaning.
    ///
    /// # Errors
    ///
    /// When there is one.
    pub fn without_period(self) -> Result<Self, Problem> {
        match self.period.as_str() {
            "" => Ok(self),
            _ => Err(Problem::invalid("`for` has no meaning here")),
        }
    }

    /// Refuses a token where none has a meaning.
    ///
    /// # Errors
    ///
    /// When there is one.
    pub fn without_token(self) -> Result<Self, Problem> {
        match self.token.as_str() {
            "" => Ok(self),
            _ => Err(Problem::invalid("`token` has no meaning here")),
        }
    }

    /// The length of the lease.
    ///
    /// # Errors
    ///
    /// When it is no length, or not within a day.
    pub fn period(&self) -> Result<Duration, Problem> {
        if self.period.is_empty() {
            return Ok(DEFAULT_LEASE);
        }
        let wrong = || {
            let text: String = self.period.chars().take(40).collect();
            Problem::invalid(format_args!("for={text:?} is not a length of a lease"))
                .with_hint("write it as `30s` or `5m`; the longest is 24h")
        };
        let period = humantime::parse_duration(&self.period).map_err(|_| wrong())?;
        if period.is_zero() || period > LONGEST_LEASE { Err(wrong()) } else { Ok(period) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_refused_and_named() {
        let problem = parse::<Put>(&"/objects/a?framedbid=x".parse().unwrap()).unwrap_err();
        assert!(problem.to_string().contains("framedbid"), "{problem}");
        let put: Put = parse(&"/objects/a?framedb_id=a%20b&type=queue".parse().unwrap()).unwrap();
        assert_eq!(put.framedb_id, "a b");
        let problem = kind(&put.kind).unwrap_err().to_string();
        for kind in ["in-memory", "storage", "stream"] {
            assert!(problem.contains(kind), "{problem}");
        }
    }

    #[test]
    fn leases_have_a_length_within_a_day() {
        let period = |text: &str| Lease { period: text.into(), ..Lease::default() }.period();
        assert_eq!(period("").unwrap(), DEFAULT_LEASE);
        assert_eq!(period("5m").unwrap(), Duration::from_secs(300));
        for wrong in ["5", "0s", "25h", "soon"] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }
}
