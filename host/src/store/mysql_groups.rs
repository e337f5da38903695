//! Rows that are written at the same time share statements.

use super::mysql_rows::{MAX_ROWS, Row, Rows};
use crate::{
    Result,
    driver::{self, GroupWriter, repeat},
};
use async_trait::async_trait;
use std::collections::BTreeMap;

/// The way into the statements.
pub(super) type Groups = driver::Groups<Rows>;

#[async_trait]
impl GroupWriter for Rows {
    type Write = Row;

    const MAX: usize = MAX_ROWS;

    // A commit costs as much as some ten rows.
    const BESIDE: usize = 32;

    const WHAT: &'static str = "objects";

    /// The rows of a group are in the order of their keys, so that groups that change the same
    /// ones wait for each other instead of blocking each other. Of the same key twice the later
    /// row is written.
    async fn write(&self, group: Vec<Row>) -> Vec<Result<()>> {
        let mut by_key: BTreeMap<_, (Row, Vec<usize>)> = BTreeMap::new();
        for (slot, row) in group.into_iter().enumerate() {
            let (latest, slots) =
                by_key.entry(row.0.clone()).or_insert_with(|| (row.clone(), Vec::new()));
            *latest = row;
            slots.push(slot);
        }
        let (together, slots): (Vec<Row>, Vec<_>) = by_key.into_values().unzip();
        let mut answers = Vec::new();
        for (result, slots) in Rows::write(self, &together).await.into_iter().zip(slots) {
            let copies: Vec<Result<()>> = match &result {
                Ok(()) => slots.iter().map(|_| Ok(())).collect(),
                Err(error) => repeat(error, slots.len()),
            };
            answers.extend(slots.into_iter().zip(copies));
        }
        answers.sort_by_key(|(slot, _)| *slot);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}
