//! What queries may say; unknown names are refused, so that a slip does not store an object
//! somewhere else.

use super::problem::Problem;
use axum::{extract::Query, http::Uri};
use framedb_core::Kind;
use serde::{Deserialize, de::DeserializeOwned};
use std::{str::FromStr, time::Duration};

/// How long a lease lasts when nobody says so.
const DEFAULT_LEASE: Duration = Duration::from_secs(30);

/// The longest lease; a consumer that needs more extends it.
const LONGEST_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a sender wants an object.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Put {
    pub(super) framedb_id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// Which objects a listing shows.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct List {
    pub(super) prefix: String,
    pub(super) after: Option<String>,
    pub(super) limit: Option<usize>,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) framedb_id: Option<String>,
}

/// Which dead letters a listing shows.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Letters {
    pub(super) after: Option<String>,
    pub(super) limit: Option<usize>,
}

/// A lease and its length.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Lease {
    token: String,
    #[serde(rename = "for")]
    period: String,
}

/// No parameters at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Reads the query of a request.
pub(super) fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    match Query::try_from_uri(uri) {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => {
            let cause = std::error::Error::source(&rejection);
            let cause = cause.map_or_else(|| rejection.body_text(), ToString::to_string);
            Err(Problem::invalid(format_args!("the query is wrong: {cause}")))
        }
    }
}

/// The kind that a query names, if it does.
pub(super) fn kind(text: &str) -> Result<Option<Kind>, Problem> {
    match text {
        "" => Ok(None),
        text => Kind::from_str(text).map(Some).map_err(Problem::invalid),
    }
}

impl Lease {
    /// The token, which there must be.
    pub(super) fn token(&self) -> Result<&str, Problem> {
        match self.token.as_str() {
            "" => Err(Problem::invalid("the query has no `token`")
                .with_hint("a lease answers its token as x-framedb-token")),
            token => Ok(token),
        }
    }

    /// Refuses a length where none has a meaning.
    pub(super) fn without_period(self) -> Result<Self, Problem> {
        match self.period.as_str() {
            "" => Ok(self),
            _ => Err(Problem::invalid("`for` has no meaning here")),
        }
    }

    /// Refuses a token where none has a meaning.
    pub(super) fn without_token(self) -> Result<Self, Problem> {
        match self.token.as_str() {
            "" => Ok(self),
            _ => Err(Problem::invalid("`token` has no meaning here")),
        }
    }

    /// The length of the lease.
    pub(super) fn period(&self) -> Result<Duration, Problem> {
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
