//! From text to tokens: comments that do something, texts as MySQL reads them, bounds.

use super::super::Refusal;
use sqlparser::{
    dialect::{Dialect, MySqlDialect},
    keywords::Keyword,
    tokenizer::{Token, Tokenizer, Whitespace},
};
use std::any::TypeId;

/// How long a statement may be. Values belong into parameters, not into the text.
const MAX_BYTES: usize = 256 << 10;

/// How many words and operators a statement may have; commas, parentheses, literals and
/// placeholders do not count. Each may be a level of the tree, which is taken down level by
/// level.
const MAX_WORDS: usize = 2000;

/// How deep parentheses may be nested. What they hold is only known at their end, so that the
/// parser tries several readings at each.
const MAX_PARENTHESES: usize = 16;

/// How many joins a statement may have: the parser goes down a level for each, to find out
/// which of them the conditions behind are for.
const MAX_JOINS: usize = 16;

/// Stack for a plain statement, and for each level of one that is not: what a build without
/// optimisation takes, which is a multiple of what others do.
const STACK: usize = 512 << 10;
const STACK_PER_LEVEL: usize = 256 << 10;

/// MySQL's words as the crate's own dialect has them, except that comments stay comments: that
/// dialect reads what is in `/*! … */` as a part of the statement.
#[derive(Debug)]
struct Words;

impl Dialect for Words {
    fn dialect(&self) -> TypeId {
        TypeId::of::<MySqlDialect>()
    }

    fn is_identifier_start(&self, letter: char) -> bool {
        MySqlDialect {}.is_identifier_start(letter)
    }

    fn is_identifier_part(&self, letter: char) -> bool {
        MySqlDialect {}.is_identifier_part(letter)
    }

    fn is_delimited_identifier_start(&self, letter: char) -> bool {
        letter == '`'
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn supports_numeric_prefix(&self) -> bool {
        true
    }

    fn requires_single_line_comment_whitespace(&self) -> bool {
        true
    }
}

/// The tokens of a statement, and how much stack its parser may need.
pub(super) struct Read {
    /// Texts are as MySQL understands them.
    pub(super) tokens: Vec<Token>,
    pub(super) stack: usize,
}

/// Reads a statement.
pub(super) fn read(sql: &str) -> Result<Read, Refusal> {
    if sql.len() > MAX_BYTES {
        let what = format!("the SQL statement is longer than {MAX_BYTES} bytes; bind its values");
        return Err(Refusal::unreadable(what));
    }
    if sql.contains('\0') {
        return Err(Refusal::unreadable("there is a zero byte in the SQL statement"));
    }
    let mut tokens = raw_tokens(sql)?;
    let stack = stack_for(&tokens)?;
    for token in &mut tokens {
        match token {
            Token::Whitespace(
                Whitespace::MultiLineComment(text)
                | Whitespace::SingleLineComment { comment: text, .. },
            ) => check_comment(text)?,
            Token::SingleQuotedString(text) => *text = meaning(text, '\''),
            Token::DoubleQuotedString(text) => *text = meaning(text, '"'),
            _ => {}
        }
    }
    Ok(Read { tokens, stack })
}

/// The tokens of a statement, with texts as they are written.
pub(super) fn raw_tokens(sql: &str) -> Result<Vec<Token>, Refusal> {
    Tokenizer::new(&Words, sql).with_unescape(false).tokenize().map_err(|error| {
        Refusal::unreadable(format!("cannot read the SQL statement: {}", error.message))
    })
}

/// MySQL runs what is in `/*!`, MariaDB what is in `/*M!`, TiDB what is in `/*T!`, and hints in
/// `/*+` change how a statement runs, or variables for its time. None of it would be sent on,
/// so whoever writes it means something else than what would run.
fn check_comment(text: &str) -> Result<(), Refusal> {
    let start: String = text.chars().take(2).flat_map(char::to_uppercase).collect();
    if start.starts_with(['!', '+']) || matches!(start.as_str(), "M!" | "T!") {
        let what = "a comment that the server would run (`/*! */`) or take for a hint (`/*+ */`) \
                    is not taken";
        return Err(Refusal::unreadable(what));
    }
    Ok(())
}

/// How much stack a statement of bounded size may need.
fn stack_for(tokens: &[Token]) -> Result<usize, Refusal> {
    let (mut words, mut joins, mut depth, mut deepest) = (0_usize, 0_usize, 0_usize, 0_usize);
    for token in tokens {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            Token::Comma | Token::Period | Token::Placeholder(_) | Token::Whitespace(_) => {}
            Token::Number(..) | Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) => {}
            Token::Word(word) if matches!(word.keyword, Keyword::JOIN | Keyword::STRAIGHT_JOIN) => {
                joins += 1;
            }
            _ => words += 1,
        }
        deepest = deepest.max(depth);
        if depth > MAX_PARENTHESES {
            return Err(Refusal::unreadable("the SQL statement is nested too deeply"));
        }
    }
    if joins > MAX_JOINS {
        let what = format!("the SQL statement has more than {MAX_JOINS} joins");
        return Err(Refusal::unreadable(what));
    }
    if words > MAX_WORDS {
        let what = format!("the SQL statement has more than {MAX_WORDS} words; bind its values");
        return Err(Refusal::unreadable(what));
    }
    Ok(STACK + (joins + deepest) * STACK_PER_LEVEL)
}

/// What MySQL takes the inside of a quoted text for.
fn meaning(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == quote {
            // The tokenizer ended the text at a single one, so this is the first of two.
            letters.next();
            out.push(quote);
        } else if letter == '\\' {
            match letters.next() {
                Some('0') => out.push('\0'),
                Some('b') => out.push('\u{8}'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some('Z') => out.push('\u{1a}'),
                // Patterns of LIKE need the backslash, so it stays before these.
                Some(wild @ ('%' | '_')) => out.extend(['\\', wild]),
                Some(other) => out.push(other),
                None => {}
            }
        } else {
            out.push(letter);
        }
    }
    out
}
