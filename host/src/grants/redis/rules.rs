//! What a grant says of commands, and what the table alone cannot say of calls: options that
//! make another command of one, patterns that stand for keys, and channels.

use super::{
    Words,
    table::{self, Class, Command},
};
use crate::config::nearest;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt};

/// Commands that a grant allows: a class, one command, or all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CommandRule {
    /// `read`: commands that read what is under keys.
    Read,
    /// `write`: commands that change what is under keys.
    Write,
    /// `publish`: commands that send a message on a channel.
    Publish,
    /// `*`: all that is known, but not what takes over or changes its connection.
    All,
    /// One command, all subcommands of it, or one of them, in lower case.
    Named(String),
}

impl CommandRule {
    /// Whether the class is granted as a whole.
    pub(super) fn grants(&self, class: Class) -> bool {
        match self {
            Self::All => true,
            Self::Named(_) => false,
            rule => Self::for_class(class).as_ref() == Some(rule),
        }
    }

    /// Whether a command is granted by its own name, or its subcommand by the command's.
    pub(super) fn names(&self, name: &str) -> bool {
        let Self::Named(granted) = self else { return false };
        let rest = name.strip_prefix(granted.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }

    /// Whether it names a command that changes what a connection remembers.
    pub(super) fn names_apart(&self) -> bool {
        table::commands().iter().any(|command| is_apart(command.class) && self.names(command.name))
    }

    /// Why it would never allow anything, if so.
    pub(in crate::grants) fn problem(&self, all_keys: bool) -> Option<String> {
        let Self::Named(name) = self else { return None };
        // A module may have it; nobody knows where its keys are.
        if all_keys || table::find(name).is_some() || table::has_subcommands(name) {
            return None;
        }
        let classes = ["read", "write", "publish"].into_iter();
        let near = nearest(name, classes.chain(table::commands().iter().map(|c| c.name)));
        let needs = "one of a module needs `keys = [\"*\"]`";
        Some(format!("`{name}` is no command that is known, and {needs}{near}"))
    }

    /// The rule that grants a class, if one does.
    pub(super) fn for_class(class: Class) -> Option<Self> {
        match class {
            Class::Read => Some(Self::Read),
            Class::Write => Some(Self::Write),
            Class::Publish => Some(Self::Publish),
            _ => None,
        }
    }
}

impl TryFrom<String> for CommandRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = text.to_ascii_lowercase().replace('|', " ");
        let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic());
        match name.as_str() {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "publish" => Ok(Self::Publish),
            "*" => Ok(Self::All),
            name if name.split(' ').count() <= 2
                && name.split(' ').all(plain)
                && !name.contains('*') =>
            {
                Ok(Self::Named(name.to_owned()))
            }
            _ => Err(format!(
                "{text:?} is neither a class (`read`, `write`, `publish`), a command such as \
                 `flushdb` or `xgroup create`, nor `*`"
            )),
        }
    }
}

impl From<CommandRule> for String {
    fn from(rule: CommandRule) -> Self {
        rule.to_string()
    }
}

impl fmt::Display for CommandRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Publish => "publish",
            Self::All => "*",
            Self::Named(name) => name,
        })
    }
}

/// Classes that not even `*` grants: connections are shared, unless such a command is granted by
/// its name.
pub(super) fn is_apart(class: Class) -> bool {
    matches!(class, Class::Connection | Class::Transaction)
}

/// What a call does: some options make another command of one.
pub(super) fn class(command: &Command, words: &Words<'_>) -> Class {
    let has = |option: &str, from| words.positions(option, from).next().is_some();
    match command.name {
        "xread" | "xreadgroup" => {
            let streams = words.positions("STREAMS", 1).next().unwrap_or(words.len());
            match words.positions("BLOCK", 1).any(|position| position < streams) {
                true => Class::Blocking,
                false => command.class,
            }
        }
        // A copy in another database is out of reach of every grant.
        "copy" if has("DB", 3) => Class::Admin,
        _ => command.class,
    }
}

/// How the keys begin that a pattern among the arguments stands for.
pub(super) fn literal_starts<'a>(command: &Command, words: &Words<'a>) -> Vec<Cow<'a, [u8]>> {
    match command.name {
        "keys" => words.get(1).map(glob_start).into_iter().collect(),
        "scan" => {
            // The server takes the last one, so all of them count.
            let patterns: Vec<_> = words
                .positions("MATCH", 2)
                .filter_map(|position| words.get(position + 1).map(glob_start))
                .collect();
            if patterns.is_empty() { vec![Cow::Borrowed(&[])] } else { patterns }
        }
        "sort" | "sort_ro" => {
            let by = words.positions("BY", 2).filter_map(|at| words.get(at + 1));
            let get = words.positions("GET", 2).filter_map(|at| words.get(at + 1));
            // Without a star there is no other key: `BY nosort`, and `GET #` is the element.
            let patterns = by.chain(get).filter(|pattern| pattern.contains(&b'*'));
            let start = |pattern: &'a [u8]| pattern.split(|byte| *byte == b'*').next();
            patterns.map(|pattern| start(pattern).unwrap_or_default().into()).collect()
        }
        // Random keys, and keys by their slot, are anybody's.
        "randomkey" | "cluster getkeysinslot" => vec![Cow::Borrowed(&[])],
        _ => Vec::new(),
    }
}

/// What every key has in front that a glob-style pattern fits.
fn glob_start(pattern: &[u8]) -> Cow<'_, [u8]> {
    let end = pattern.iter().position(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'));
    pattern.get(..end.unwrap_or(pattern.len())).unwrap_or_default().into()
}

/// A channel that a call speaks of.
pub(super) enum Channel<'a> {
    Named(&'a [u8]),
    /// All whose names begin so.
    Starting(Cow<'a, [u8]>),
}

/// The channels that a call sends to or listens on.
pub(super) fn channels<'a>(command: &Command, words: &Words<'a>) -> Vec<Channel<'a>> {
    let all = || (1..words.len()).filter_map(|position| words.get(position));
    match command.name {
        "publish" | "spublish" => all().take(1).map(Channel::Named).collect(),
        "subscribe" | "ssubscribe" => all().map(Channel::Named).collect(),
        "psubscribe" => all().map(|pattern| Channel::Starting(glob_start(pattern))).collect(),
        _ => Vec::new(),
    }
}
