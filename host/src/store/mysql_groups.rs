//! `Groups`: writes that wait at the same time share a statement.
//!
//! One task takes what is waiting as soon as the server has nothing to do, and begins another
//! group beside those under way when it is worth a statement: a lone writer never waits for
//! company, and the more there is to do, the larger the groups.

use super::mysql_rows::{MAX_ROWS, Row, Rows};
use crate::{Error, ErrorKind, Result};
use std::{collections::BTreeMap, sync::Arc};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// Writes that may wait; further ones wait to be let in.
const MAX_WAITING: usize = 4 * MAX_ROWS;

/// Groups under way at once: one is on the server's disk while the next ones are on their way.
const MAX_GROUPS: usize = 4;

/// Rows that are worth a group beside others. A statement and its commit cost the server as much
/// as some ten rows, so that smaller groups would take from the rows more than they give.
const BESIDE: usize = 32;

/// How often others get their turn before a group is closed: those who were answered together
/// send their next rows together.
const TURNS: usize = 2;

/// A row that somebody waits for.
#[derive(Debug)]
struct Write {
    row: Row,
    answer: oneshot::Sender<Result<()>>,
}

/// The way into the groups; the task behind it ends with it.
#[derive(Debug)]
pub(super) struct Groups(mpsc::Sender<Write>);

impl Groups {
    pub(super) fn new(rows: Arc<Rows>) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        tokio::spawn(run(rows, receiver));
        Self(sender)
    }

    /// Writes rows of different keys together with those of others; one answer per row.
    pub(super) async fn write(&self, rows: &[Row]) -> Vec<Result<()>> {
        let mut waiting = Vec::with_capacity(rows.len());
        for row in rows {
            let (answer, answered) = oneshot::channel();
            // The task ends after us only, so that it takes everything.
            let _ = self.0.send(Write { row: row.clone(), answer }).await;
            waiting.push(answered);
        }
        let mut answers = Vec::with_capacity(rows.len());
        for answered in waiting {
            answers.push(answered.await.unwrap_or_else(|_| Err(stopped())));
        }
        answers
    }
}

async fn run(rows: Arc<Rows>, mut waiting: mpsc::Receiver<Write>) {
    let mut under_way = JoinSet::new();
    let mut taken = Vec::with_capacity(MAX_ROWS);
    let mut open = true;
    loop {
        let room = MAX_ROWS - taken.len();
        tokio::select! {
            // What has ended makes room first.
            biased;
            Some(_) = under_way.join_next() => {}
            received = waiting.recv_many(&mut taken, room), if open && room > 0 => {
                open = received > 0;
            }
            // The store is closed, and everything that was given to it is written.
            else => return,
        }
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
            while taken.len() < MAX_ROWS
                && let Ok(write) = waiting.try_recv()
            {
                taken.push(write);
            }
        }
        let worth = under_way.is_empty() || taken.len() >= BESIDE;
        if !taken.is_empty() && worth && under_way.len() < MAX_GROUPS {
            let (rows, group) = (rows.clone(), std::mem::take(&mut taken));
            under_way.spawn(async move { write(&rows, group).await });
        }
    }
}

/// Writes a group and answers. Its rows are in the order of their keys, so that groups that
/// change the same ones wait for each other instead of blocking each other.
async fn write(rows: &Rows, group: Vec<Write>) {
    let mut by_key: BTreeMap<_, (Row, Vec<oneshot::Sender<Result<()>>>)> = BTreeMap::new();
    for Write { row, answer } in group {
        // What nobody waits for any more may have been sent anew, with other data.
        if answer.is_closed() {
            continue;
        }
        let (latest, answers) =
            by_key.entry(row.0.clone()).or_insert_with(|| (row.clone(), Vec::new()));
        *latest = row;
        answers.push(answer);
    }
    let (together, waiting): (Vec<Row>, Vec<_>) = by_key.into_values().unzip();
    let results = rows.write(&together).await;
    for (result, answers) in results.into_iter().zip(waiting) {
        let copies: Vec<Result<()>> = match &result {
            Ok(()) => answers.iter().map(|_| Ok(())).collect(),
            Err(error) => crate::driver::repeat(error, answers.len()),
        };
        for (answer, copy) in answers.into_iter().zip(copies) {
            let _ = answer.send(copy);
        }
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Unavailable, "cannot write objects: the store is closing")
}
