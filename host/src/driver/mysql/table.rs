//! The table of objects: made, or checked.

use super::{Answer, DEADLINE, Server, Session};
use crate::{Error, ErrorKind, Result};
use framedb_core::sql::{
    COLUMNS, Column, KNOWN_COLLATIONS, OTHERS, Table, UNIQUE, best_collation, check, create,
};
use tokio::time::Instant;

/// Creates the table, or checks the one there is. What differs from ours without being in
/// the way is logged.
///
/// # Errors
///
/// When there is a table that cannot be used, or none and no right to create it.
pub(crate) async fn open_table(server: &Server) -> Result<Table> {
    if let Some(table) = look_at_table(server).await? {
        return Ok(table);
    }
    let deadline = Instant::now() + DEADLINE;
    let created = server.within("create `data_table`", deadline, async {
        let mut session = server.session().await?;
        let best = best(&mut session).await?;
        session.query(&create("data_table", best)).await
    });
    created.await?;
    let place = server.place();
    tracing::info!(place, "created the table `data_table` of an instance");
    look_at_table(server).await?.ok_or_else(|| {
        let message = format!("cannot find the table `data_table` of {place} after creating it");
        Error::new(ErrorKind::Unavailable, message)
    })
}

/// Checks the table, and makes nothing; `None` when there is none. What differs from ours without
/// being in the way is logged.
///
/// # Errors
///
/// When there is a table that cannot be used.
pub(crate) async fn look_at_table(server: &Server) -> Result<Option<Table>> {
    let Some((table, differences)) = find_table(server).await? else { return Ok(None) };
    if !differences.is_empty() {
        let (place, differences) = (server.place(), differences.join("; "));
        tracing::warn!(place, differences, "`data_table` is not as it should be");
    }
    Ok(Some(table))
}

/// Whether the table is there and can be used.
///
/// # Errors
///
/// Says that it is not, or that the server cannot be asked.
pub(crate) async fn check_table(server: &Server) -> Result<()> {
    if find_table(server).await?.is_some() {
        return Ok(());
    }
    let message = format!("the table `data_table` of {} is missing", server.place());
    Err(Error::new(ErrorKind::Unavailable, message).with_hint("the node makes it when it starts"))
}

/// The table, and what differs from ours.
async fn find_table(server: &Server) -> Result<Option<(Table, Vec<String>)>> {
    let deadline = Instant::now() + DEADLINE;
    let found = server.within("look at `data_table`", deadline, async {
        let mut session = server.session().await?;
        let best = best(&mut session).await?;
        let columns: Vec<Column> = session.ask(COLUMNS).await?;
        let unique: Vec<String> = session.ask(UNIQUE).await?;
        let others: Vec<String> = match columns.is_empty() {
            true => session.ask(OTHERS).await?,
            false => Vec::new(),
        };
        Ok((columns, unique, best, others))
    });
    let (columns, unique, best, others) = found.await?;
    let place = server.place();
    if let Some(other) = others.first() {
        tracing::warn!(
            place,
            other,
            "the server tells the table apart from `data_table`, which objects are in"
        );
    }
    if columns.is_empty() {
        return Ok(None);
    }
    match check(&columns, &unique, best) {
        Ok(found) => Ok(Some(found)),
        Err(why) => {
            let message = format!("cannot use the table `data_table` of {place}: {why}");
            Err(Error::new(ErrorKind::Config, message)
                .with_hint("rename it; one of the right shape is then created"))
        }
    }
}

/// The best collation for keys that the server has.
async fn best(session: &mut Session) -> Answer<&'static str> {
    let known: Vec<String> = session.ask(KNOWN_COLLATIONS).await?;
    Ok(best_collation(&known))
}
