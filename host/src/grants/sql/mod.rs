//! `SqlGuard`: which SQL a plugin may send, and in which words it is sent.
//!
//! A statement is parsed, every part of the tree is known or the statement is refused, and what
//! is sent is rendered from the tree: the server never sees a text that the guard did not
//! understand, and never reads it by other rules. Names go out in backticks, texts in single
//! quotes with every quote and backslash doubled, which ends them in the same place whatever
//! the server's SQL mode is; and what goes out is parsed once more, to the same tree.
//!
//! Functions are allowed by a list rather than forbidden by one: servers have hundreds, some
//! wait, lock or read files, and a new release may bring more of those.
//!
//! The connection has to speak utf8mb4 and be in the URL's database, without
//! `NO_BACKSLASH_ESCAPES`, in which texts with backslashes would keep them doubled.

mod expr;
mod functions;
mod lexer;
mod names;
mod query;
mod select;
mod statement;
mod values;

#[cfg(test)]
mod tests;

use super::{MysqlGrant, Refusal, Section, refusal::shown};
use moka::sync::Cache;
pub use names::{TableName, TableVerb};
use sqlparser::{
    ast::{ObjectName, Statement},
    dialect::MySqlDialect,
    parser::{Parser, ParserError},
    tokenizer::Token,
};
use std::{collections::BTreeMap, sync::Arc};

/// How deep a tree may be: far deeper than people write.
const MAX_DEPTH: usize = 100;

/// Stack that a step of a walk finds at least, and what it is given where there is less: a
/// hundred steps of a build without optimisation fill a megabyte.
const STEP_STACK: usize = 128 << 10;
const MORE_STACK: usize = 2 << 20;

/// Decides what may be sent to the database behind one label.
#[derive(Debug, Clone)]
pub struct SqlGuard {
    section: Section,
    tables: BTreeMap<TableName, Vec<TableVerb>>,
    /// In lower case.
    functions: Vec<String>,
    /// Statements that were allowed, as they are sent: plugins send few different ones, again
    /// and again, and to read one takes longer than a key-value store takes to answer.
    allowed: Cache<String, Arc<str>>,
}

/// Bytes of statements that are remembered for a label.
const REMEMBERED: u64 = 1 << 20;

impl SqlGuard {
    pub(super) fn new(section: Section, grant: &MysqlGrant) -> Self {
        let functions = grant.functions.iter().map(|name| name.to_ascii_lowercase()).collect();
        let weight = |sql: &String, sent: &Arc<str>| {
            u32::try_from(sql.len().saturating_add(sent.len())).unwrap_or(u32::MAX)
        };
        let allowed = Cache::builder().max_capacity(REMEMBERED).weigher(weight).build();
        Self { section, tables: grant.tables.clone(), functions, allowed }
    }

    /// Decides a statement; what to send in its place. Its placeholders keep their order.
    ///
    /// # Errors
    ///
    /// When it is not one statement that reads or changes rows, when a table in it is not
    /// granted with the verb that it is used with, or when something in it is not understood.
    pub fn check(&self, sql: &str) -> Result<String, Refusal> {
        if let Some(sent) = self.allowed.get(sql) {
            return Ok(sent.to_string());
        }
        let lexer::Read { tokens, stack } = lexer::read(sql)?;
        // Statements as people write them fit on any stack, and are decided where they came in.
        let sent = stacker::maybe_grow(stack, stack, || self.check_tokens(tokens))?;
        self.allowed.insert(sql.to_owned(), sent.as_str().into());
        Ok(sent)
    }

    fn check_tokens(&self, tokens: Vec<Token>) -> Result<String, Refusal> {
        let mut statement = one_statement(tokens)?;
        Walker::new(self).statement(&mut statement)?;
        let rendered = statement.to_string();
        let again = one_statement(lexer::raw_tokens(&rendered)?)?;
        if again != statement {
            return Err(Refusal::unreadable("the SQL statement has no unambiguous form"));
        }
        Ok(rendered)
    }
}

fn one_statement(tokens: Vec<Token>) -> Result<Statement, Refusal> {
    let parser = Parser::new(&MySqlDialect {}).with_recursion_limit(MAX_DEPTH);
    let mut statements = parser.with_tokens(tokens).parse_statements().map_err(|error| {
        let why = match &error {
            ParserError::TokenizerError(why) | ParserError::ParserError(why) => why.as_str(),
            ParserError::RecursionLimitExceeded => "it is nested too deeply",
        };
        Refusal::unreadable(format!("cannot read the SQL statement: {}", shown(why.as_bytes())))
    })?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (None, _) => Err(Refusal::unreadable("there is no SQL statement")),
        _ => Err(Refusal::unreadable("there is more than one SQL statement")),
    }
}

/// One walk over the tree of a statement. It refuses what it does not know, and rewrites names
/// and texts so that they can be rendered.
struct Walker<'a> {
    guard: &'a SqlGuard,
    /// The names of common table expressions, by where they can be seen from; the innermost
    /// last.
    scopes: Vec<Vec<String>>,
    depth: usize,
    /// Whether rows that are read are locked, too.
    locking: bool,
}

/// What a walk answers.
type Walk = Result<(), Refusal>;

impl<'a> Walker<'a> {
    fn new(guard: &'a SqlGuard) -> Self {
        Self { guard, scopes: Vec::new(), depth: 0, locking: false }
    }

    /// Walks one step further down.
    fn deeper(&mut self, walk: impl FnOnce(&mut Self) -> Walk) -> Walk {
        if self.depth >= MAX_DEPTH {
            return Err(Refusal::unreadable("the SQL statement is nested too deeply"));
        }
        self.depth += 1;
        let walked = stacker::maybe_grow(STEP_STACK, MORE_STACK, || walk(self));
        self.depth -= 1;
        walked
    }

    /// A table that is used with a verb, which the grant has to have.
    fn table(&mut self, name: &mut ObjectName, verb: TableVerb) -> Walk {
        let parts = names::texts(name)?;
        let named: Vec<&str> = parts.iter().map(String::as_str).collect();
        let table = match named.as_slice() {
            // What is written to is never a common table expression.
            [table] if verb == TableVerb::Select && self.is_common(table) => {
                return names::quote_all(name);
            }
            // MySQL's table without rows and columns.
            [table] if table.eq_ignore_ascii_case("dual") && !names::is_quoted(name) => {
                return Ok(());
            }
            [table] => TableName::of(None, table),
            [database, table] => TableName::of(Some(database), table),
            _ => return Err(Refusal::unreadable("a table's name has one or two parts")),
        };
        self.verb(&table, verb)?;
        if self.locking && verb == TableVerb::Select {
            self.verb(&table, TableVerb::Update)?;
        }
        names::quote_all(name)
    }

    fn verb(&self, name: &TableName, verb: TableVerb) -> Walk {
        let verbs = self.guard.tables.iter().filter(|(granted, _)| granted.covers(name));
        let verbs = verbs.flat_map(|(_, verbs)| verbs.iter().copied());
        let mut granted: Vec<TableVerb> = verbs.collect();
        if granted.iter().any(|granted| matches!(granted, TableVerb::All) || *granted == verb) {
            return Ok(());
        }
        let table = shown_table(name);
        let what = format!("`{verb}` of the table `{table}` is not granted");
        if TableName::try_from(table.clone()).is_err() {
            return Err(self
                .guard
                .section
                .refuse_always(format!("{what}; no grant has that name")));
        }
        // What is granted stays, where this line takes the place of the one that is there.
        let mut tables = self.guard.tables.clone();
        let verbs = tables.entry(name.clone()).or_default();
        granted.push(verb);
        *verbs = granted;
        let verbs = |verbs: &[TableVerb]| {
            let verbs: Vec<_> = verbs.iter().map(|verb| format!("\"{verb}\"")).collect();
            verbs.join(", ")
        };
        let tables: Vec<_> = tables
            .iter()
            .map(|(table, granted)| format!("\"{}\" = [{}]", shown_table(table), verbs(granted)))
            .collect();
        let line = format!("tables = {{ {} }}", tables.join(", "));
        Err(self.guard.section.refuse(what, line))
    }

    fn is_common(&self, table: &str) -> bool {
        self.scopes.iter().flatten().any(|name| name == table)
    }
}

fn shown_table(name: &TableName) -> String {
    shown(name.to_string().as_bytes())
}

/// Refuses a part of a statement that nobody asked for yet, or that does more than it seems to.
fn not_taken(what: &str) -> Refusal {
    Refusal::unreadable(format!("SQL with {what} is not taken"))
}

/// Refuses unless a part of a statement is absent.
fn absent(is_absent: bool, what: &str) -> Walk {
    if is_absent { Ok(()) } else { Err(not_taken(what)) }
}

/// For fuzzing: decides a statement. It must end, and what is allowed must be allowed again as
/// it is sent, and sent as it is then.
pub fn fuzz(data: &[u8]) {
    let tables = ["t", "a", "d.t"].map(|name| TableName::try_from(name.to_owned()));
    let tables = tables.into_iter().flatten().map(|table| (table, vec![TableVerb::All]));
    let grant = MysqlGrant { tables: tables.collect(), ..MysqlGrant::default() };
    let guard = SqlGuard::new(Section::new("fuzz", "mysql", "fuzz"), &grant);
    if let Ok(rendered) = guard.check(&String::from_utf8_lossy(data)) {
        match guard.check(&rendered) {
            Ok(again) => assert_eq!(again, rendered),
            // What is sent has parentheses where operators were enough.
            Err(refusal) => {
                assert!(refusal.to_string().ends_with("nested too deeply"), "{refusal}")
            }
        }
    }
}
