//! Names: of tables in a grant, and of whatever a statement names.

use super::{super::Refusal, Walk, not_taken};
use serde::{Deserialize, Serialize};
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use std::fmt;

/// Tables that a grant allows: `table`, `database.table`, `database.*`, or `*`. Compared letter
/// by letter, as servers on most systems do; what differs in case is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName {
    /// None for the database of the URL.
    database: Option<String>,
    /// None for all tables.
    table: Option<String>,
}

/// What a statement does with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableVerb {
    /// Reads rows.
    Select,
    /// Adds rows.
    Insert,
    /// Adds rows in place of others.
    Replace,
    /// Changes rows.
    Update,
    /// Removes rows.
    Delete,
    /// All of these.
    #[serde(rename = "*")]
    All,
}

impl TableName {
    pub(super) fn of(database: Option<&str>, table: &str) -> Self {
        Self { database: database.map(str::to_owned), table: Some(table.to_owned()) }
    }

    /// Whether a table is meant.
    pub(super) fn covers(&self, table: &Self) -> bool {
        self.database == table.database && (self.table.is_none() || self.table == table.table)
    }
}

impl TryFrom<String> for TableName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (database, table) = match text.split_once('.') {
            Some((database, table)) => (Some(database), table),
            None => (None, text.as_str()),
        };
        let plain = |name: &str| check(name).is_ok() && !name.contains(['*', '.']);
        if database.is_some_and(|name| !plain(name)) || !(table == "*" || plain(table)) {
            return Err(format!(
                "{text:?} is not a table such as `audit`, `other.audit`, `other.*` or `*`"
            ));
        }
        let database = database.map(str::to_owned);
        Ok(Self { database, table: (table != "*").then(|| table.to_owned()) })
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(database) = &self.database {
            write!(f, "{database}.")?;
        }
        f.write_str(self.table.as_deref().unwrap_or("*"))
    }
}

impl fmt::Display for TableVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Replace => "replace",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::All => "*",
        })
    }
}

/// Puts a name in backticks, in which it is a name and nothing else: never a variable, a
/// keyword, or a function without parentheses.
pub(super) fn quote(ident: &mut Ident) -> Walk {
    check(&ident.value)?;
    if ident.quote_style.is_none() && ident.value.contains('@') {
        return Err(not_taken("variables (`@x`, `@@x`)"));
    }
    ident.quote_style = Some('`');
    Ok(())
}

/// Puts every part of a name in backticks.
pub(super) fn quote_all(name: &mut ObjectName) -> Walk {
    name.0.iter_mut().try_for_each(|part| match part {
        ObjectNamePart::Identifier(ident) => quote(ident),
        ObjectNamePart::Function(_) => Err(not_taken("a function as a name")),
    })
}

/// The parts of a name.
pub(super) fn texts(name: &ObjectName) -> Result<Vec<String>, Refusal> {
    let part = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => Ok(ident.value.clone()),
        ObjectNamePart::Function(_) => Err(not_taken("a function as a name")),
    };
    name.0.iter().map(part).collect()
}

/// Whether some part of a name stands in quotes.
pub(super) fn is_quoted(name: &ObjectName) -> bool {
    let quoted = |ident: &Ident| ident.quote_style.is_some();
    name.0.iter().filter_map(ObjectNamePart::as_ident).any(quoted)
}

/// A name that is not in quotes and has no letter that would need them.
pub(super) fn is_plain(ident: &Ident) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    ident.quote_style.is_none() && !ident.value.is_empty() && ident.value.bytes().all(plain)
}

/// What a name may be made of: nothing that ends quotes or escapes, in any SQL mode.
fn check(name: &str) -> Walk {
    let wrong = |letter: char| letter.is_control() || matches!(letter, '`' | '\'' | '"' | '\\');
    if name.is_empty() || name.chars().count() > 64 || name.ends_with(' ') || name.contains(wrong) {
        let what = "a name in the SQL statement is empty, too long, or has quotes, backslashes \
                    or control characters";
        return Err(Refusal::unreadable(what));
    }
    Ok(())
}
