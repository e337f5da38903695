//! `Refusal`: what a grant did not allow, and the configuration that would.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// How much of a name a message shows.
const SHOWN: usize = 80;

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The grant does not have it.
    NotGranted,
    /// What it would do cannot be told for certain.
    Unreadable,
    /// The grant has it, but not so often; it may be tried again after this time.
    TooFast(Duration),
}

/// What was refused, in words that a guest may read and an audit event may keep.
///
/// It speaks of what the guest said and of keys of the configuration, never of addresses or
/// credentials behind a label. Displays what was refused; what to do about it is apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    kind: RefusalKind,
    what: String,
    add: Option<(Section, String)>,
    /// Whether some rule is for the same place.
    near: bool,
    /// What a name leads to.
    behind: Option<String>,
}

impl Refusal {
    /// Something that cannot be decided because it cannot be read.
    pub(super) fn unreadable(what: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::Unreadable,
            what: what.into(),
            add: None,
            near: false,
            behind: None,
        }
    }

    /// Something that a list of addresses does not have.
    pub(super) fn unlisted(what: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::NotGranted,
            what: what.into(),
            add: None,
            near: false,
            behind: None,
        }
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// Says whether some rule is for the same place.
    pub(super) fn with_near(mut self, near: bool) -> Self {
        self.near = near;
        self
    }

    /// Says what a name leads to, for the operator alone.
    pub(super) fn with_behind(mut self, behind: impl Into<String>) -> Self {
        self.behind = Some(behind.into());
        self
    }

    /// What a name leads to: for the log, and for no guest.
    #[must_use]
    pub fn behind(&self) -> Option<&str> {
        self.behind.as_deref()
    }

    /// Whether some rule is for the same place: of several refusals, such a one says more.
    #[must_use]
    pub fn is_near(&self) -> bool {
        self.near
    }

    /// The lines of configuration that would allow it, if some would.
    #[must_use]
    pub fn add(&self) -> Option<String> {
        self.add.as_ref().map(|(section, lines)| format!("[{}]\n{lines}", section.0))
    }

    /// The lines of configuration that would allow all of these, each table once, with a comment
    /// before what allows each.
    #[must_use]
    pub fn add_all<'a>(refusals: impl IntoIterator<Item = (&'a str, &'a Self)>) -> String {
        let mut tables: BTreeMap<&str, String> = BTreeMap::new();
        for (comment, refusal) in refusals {
            let Some((section, lines)) = &refusal.add else { continue };
            let table = tables.entry(&section.0).or_default();
            if !comment.is_empty() {
                table.push_str(&format!("# {comment}\n"));
            }
            table.push_str(&format!("{lines}\n"));
        }
        let tables: Vec<_> =
            tables.iter().map(|(section, lines)| format!("[{section}]\n{lines}")).collect();
        tables.join("\n")
    }

    /// What a guest reads: what was refused, and what its operator would have to write.
    #[must_use]
    pub fn for_guest(&self) -> String {
        match self.add() {
            Some(add) => format!("{self}; to allow it, add to the configuration: {add}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Refusal {}

/// The table of the configuration that a guard decides by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section(Arc<str>);

impl Section {
    /// `[plugins.PLUGIN.grants.KIND.LABEL]`.
    pub(super) fn new(plugin: &str, kind: &str, label: &str) -> Self {
        Self(format!("plugins.{}.grants.{kind}.{}", key(plugin), key(label)).into())
    }

    /// `[plugins.PLUGIN.grants]`.
    pub(super) fn top(plugin: &str) -> Self {
        Self(format!("plugins.{}.grants", key(plugin)).into())
    }

    /// Refuses what a line in this table would allow.
    pub(super) fn refuse(&self, what: impl Into<String>, line: impl fmt::Display) -> Refusal {
        let add = Some((self.clone(), line.to_string()));
        Refusal { kind: RefusalKind::NotGranted, what: what.into(), add, near: false, behind: None }
    }

    /// Refuses what nothing in this table would allow.
    pub(super) fn refuse_always(&self, what: impl Into<String>) -> Refusal {
        Refusal {
            kind: RefusalKind::NotGranted,
            what: what.into(),
            add: None,
            near: false,
            behind: None,
        }
    }

    /// Refuses what may be done later.
    pub(super) fn refuse_until(
        &self,
        what: impl Into<String>,
        line: impl fmt::Display,
        after: Duration,
    ) -> Refusal {
        Refusal { kind: RefusalKind::TooFast(after), ..self.refuse(what, line) }
    }
}

/// A key as TOML writes it.
fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && name.bytes().all(bare) {
        name.to_owned()
    } else {
        toml::Value::String(shown(name.as_bytes())).to_string()
    }
}

/// What a guest named, fit for a message: printable, not too long, and without the user and the
/// password of a URL.
pub(super) fn shown(name: &[u8]) -> String {
    let name = &*without_user(name);
    let text = String::from_utf8_lossy(name.get(..name.len().min(4 * SHOWN)).unwrap_or_default());
    let mut out = String::new();
    for letter in text.chars().take(SHOWN) {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    if text.chars().nth(SHOWN).is_some() || name.len() > 4 * SHOWN {
        out.push('…');
    }
    out
}

/// Whether a name looks like a URL.
pub(super) fn is_url(name: &str) -> bool {
    name.contains(":/")
}

/// A name without what stands between the scheme of a URL and its host. Where an address stands in
/// place of a label, that may be a password, which may have any letters in it.
fn without_user(name: &[u8]) -> Cow<'_, [u8]> {
    let Some(at) = name.iter().rposition(|byte| *byte == b'@') else { return name.into() };
    let before = name.get(..at).unwrap_or_default();
    for (colon, _) in before.windows(2).enumerate().filter(|(_, pair)| pair == b":/") {
        let rest = before.get(colon + 1..).unwrap_or_default();
        let slashes = rest.iter().take_while(|byte| **byte == b'/').count();
        let (scheme, user) = before.split_at(colon + 1 + slashes);
        // An `@` in a path is none behind a user, unless the password has the path's slash.
        let first = user.split(|byte| *byte == b'/').next().unwrap_or_default();
        if first.len() == user.len() || first.iter().any(|byte| matches!(byte, b':' | b'@')) {
            let host = name.get(at..).unwrap_or_default();
            return [scheme, "…".as_bytes(), host].concat().into();
        }
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_reads_what_to_add() {
        let section = Section::new("ingest-dedup", "redis", "my hot");
        let refusal = section.refuse("the key `a` is not granted", "keys = [\"a\"]");
        let text = refusal.for_guest();
        assert!(text.starts_with("the key `a` is not granted; to allow it"), "{text}");
        let lines = "[plugins.ingest-dedup.grants.redis.\"my hot\"]\nkeys = [\"a\"]";
        assert_eq!(refusal.add().as_deref(), Some(lines));
        assert_eq!(refusal.to_string(), "the key `a` is not granted");
    }

    #[test]
    fn lines_of_one_table_are_added_under_one_header() {
        let top = Section::top("p");
        let refusals = [
            ("one", &top.refuse("", "routing = true")),
            ("", &Section::new("p", "redis", "hot").refuse("", "keys = []")),
            ("two", &top.refuse("", "clusters = true")),
        ];
        let lines = Refusal::add_all(refusals);
        let table: toml::Table = lines.parse().unwrap();
        assert_eq!(table["plugins"]["p"]["grants"]["clusters"].as_bool(), Some(true), "{lines}");
        assert!(lines.contains("# two\nclusters = true"), "{lines}");
        assert!(lines.contains("[plugins.p.grants.redis.hot]\nkeys"), "{lines}");
    }

    #[test]
    fn what_a_guest_named_is_shown_without_control_characters_and_cut() {
        assert_eq!(shown(b"a\n\x1b[31m\"\\"), "a\\u000a\\u001b[31m\\\"\\\\");
        assert_eq!(shown("ä".repeat(1000).as_bytes()).chars().count(), 81);
        assert_eq!(shown(&[0xff; 3]), "\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn users_and_passwords_of_urls_are_not_shown() {
        for (url, expected) in [
            ("redis://:hunter2@127.0.0.1:30401", "redis://…@127.0.0.1:30401"),
            ("mysql://root:hunter2@db/audit", "mysql://…@db/audit"),
            ("mysql:/root:hunter2@db/audit", "mysql:/…@db/audit"),
            ("https://hunter2@example.com/v1", "https://…@example.com/v1"),
            ("redis://:hun/ter2@h", "redis://…@h"),
            ("redis://:hunter2@hunter2@h", "redis://…@h"),
            ("at redis://:hunter2@h, twice: redis://:hunter2@h", "at redis://…@h"),
            ("page:https://example.com/@me", "page:https://example.com/@me"),
            ("redis://h:6379/0", "redis://h:6379/0"),
            ("a:b@c", "a:b@c"),
        ] {
            assert_eq!(shown(url.as_bytes()), expected, "{url}");
        }
        let long = format!("redis://:{}@h", "hunter2".repeat(100));
        assert_eq!(shown(long.as_bytes()), "redis://…@h");
    }
}
