//! `Error`: one error for the whole library.

use std::fmt;

/// What kind of thing went wrong; callers act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request breaks a rule.
    Invalid,
    /// What was asked for does not exist.
    NotFound,
    /// Somebody else holds it, or changed it meanwhile.
    Conflict,
    /// A server does not let the node's user do it.
    Denied,
    /// A value is larger than its limit.
    TooLarge,
    /// A bound is reached; there is no room until something is taken out.
    Full,
    /// An engine, or the disk, cannot be reached or used.
    Unavailable,
    /// A deadline passed.
    Timeout,
    /// Stored bytes are not what they should be.
    Corrupt,
    /// The configuration is wrong.
    Config,
    /// A plugin cannot be loaded, or failed.
    Plugin,
}

/// What was attempted, on what, and why it failed.
///
/// Displays itself alone; the cause is its [`source`](std::error::Error::source). Whether it
/// is worth trying again was decided by the adapter that saw it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    temporary: bool,
    untouched: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says what was attempted on what, in lower case and without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let temporary = matches!(kind, ErrorKind::Unavailable | ErrorKind::Timeout);
        Self {
            kind,
            message: message.into(),
            hint: None,
            temporary,
            untouched: false,
            source: None,
        }
    }

    /// Adds what to do about it, shown on a line of its own.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says in front what it was a part of, as in ``cannot open the instance `far` ``.
    #[must_use]
    pub fn within(mut self, attempt: impl fmt::Display) -> Self {
        self.message = format!("{attempt}: {}", self.message);
        self
    }

    /// Says that it is of another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Says that trying again may succeed, or that it will not.
    #[must_use]
    pub fn with_temporary(mut self, temporary: bool) -> Self {
        self.temporary = temporary;
        self
    }

    /// Says that nothing was changed for certain: what was to be written is not.
    #[must_use]
    pub fn with_untouched(mut self, untouched: bool) -> Self {
        self.untouched = untouched;
        self
    }

    /// The same error for somebody else, with its causes told instead of kept.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            kind: self.kind,
            message: self.chain(),
            hint: self.hint.clone(),
            temporary: self.temporary,
            untouched: self.untouched,
            source: None,
        }
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether trying again may succeed.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// Whether nothing was changed for certain.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.untouched
    }

    /// The error with all its causes, on one line.
    #[must_use]
    pub fn chain(&self) -> String {
        with_causes(self.message.clone(), std::error::Error::source(self))
    }

    /// As [`Error::chain`], and what to do about it.
    pub(crate) fn advice(&self) -> String {
        match self.hint() {
            Some(hint) => format!("{} ({hint})", self.chain()),
            None => self.chain(),
        }
    }
}

/// What an error says, with all its causes, on one line.
pub(crate) fn with_causes(
    mut text: String,
    mut source: Option<&(dyn std::error::Error + 'static)>,
) -> String {
    while let Some(cause) = source {
        let told = plainly(cause.to_string());
        // Some libraries' errors say their cause themselves.
        if !text.ends_with(&told) {
            text = format!("{text}: {told}");
        }
        source = cause.source();
    }
    text
}

/// What libraries' errors say, where a name of theirs is all that they say.
fn plainly(told: String) -> String {
    told.replace(
        "Other(OtherError(CaUsedAsEndEntity))",
        "it is that of an authority, which no server may show (basicConstraints CA:TRUE): have one \
         issued for the server",
    )
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once_and_the_attempt_before_it() {
        let refused = Error::new(ErrorKind::Unavailable, "connection refused");
        let repeats = Error::new(ErrorKind::Unavailable, "input: connection refused");
        let error = Error::new(ErrorKind::Unavailable, "cannot connect")
            .with_hint("start it")
            .with_source(repeats.with_source(refused))
            .within("cannot open the instance `far`");
        let told = "cannot open the instance `far`: cannot connect: input: connection refused";
        assert_eq!((error.chain().as_str(), error.hint()), (told, Some("start it")));
    }
}
