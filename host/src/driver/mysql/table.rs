//! `Table`: the table of objects, made or checked.

use super::{Answer, DEADLINE, Server, Session};
use crate::{Error, ErrorKind, Result};
use tokio::time::Instant;

/// Collations that tell every two keys apart, the best first: the last one ignores spaces at
/// the end, and is what older servers have.
const COLLATIONS: [&str; 3] = ["utf8mb4_nopad_bin", "utf8mb4_0900_bin", "utf8mb4_bin"];

/// The table as the node creates it, but for the collation of its keys.
pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS data_table (`key` VARCHAR(255) \
    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, `data` LONGBLOB)";

/// What a key may have at most.
const KEY_LENGTH: u64 = 255;

/// The table `data_table`, which existing clients create, read and write: a column `key` and a
/// column `data`.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// What stands for the key where bytes are compared or ordered.
    pub(crate) key: &'static str,
    /// Bytes that `data` takes.
    pub(crate) max_data: u64,
}

/// A column as the server describes it: name, type, characters or bytes, collation, and
/// whether a row needs a value for it.
type Column = (String, String, Option<u64>, Option<String>, bool);

impl Table {
    /// Creates the table, or checks the one there is. What differs from ours without being in
    /// the way is logged.
    ///
    /// # Errors
    ///
    /// When there is a table that cannot be used, or none and no right to create it.
    pub(crate) async fn open(server: &Server) -> Result<Self> {
        if let Some(table) = Self::look(server).await? {
            return Ok(table);
        }
        let deadline = Instant::now() + DEADLINE;
        let created = server.within("create `data_table`", deadline, async {
            let mut session = server.session().await?;
            let best = best_collation(&mut session).await?;
            session.query(&TABLE.replace("utf8mb4_bin", best)).await
        });
        created.await?;
        let place = server.place();
        tracing::info!(place, "created the table `data_table` of an instance");
        Self::look(server).await?.ok_or_else(|| {
            let message =
                format!("cannot find the table `data_table` of {place} after creating it");
            Error::new(ErrorKind::Unavailable, message)
        })
    }

    /// Checks the table, and makes nothing; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When there is a table that cannot be used.
    pub(crate) async fn look(server: &Server) -> Result<Option<Self>> {
        let deadline = Instant::now() + DEADLINE;
        let found = server.within("look at `data_table`", deadline, async {
            let mut session = server.session().await?;
            let best = best_collation(&mut session).await?;
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
        let unique = unique.iter().any(|name| name.eq_ignore_ascii_case("key"));
        match check(&columns, unique, best) {
            Ok((table, differences)) => {
                if !differences.is_empty() {
                    let differences = differences.join("; ");
                    tracing::warn!(place, differences, "`data_table` is not as it should be");
                }
                Ok(Some(table))
            }
            Err(why) => {
                let message = format!("cannot use the table `data_table` of {place}: {why}");
                Err(Error::new(ErrorKind::Config, message)
                    .with_hint("rename it; one of the right shape is then created"))
            }
        }
    }
}

/// The best collation for keys that the server has.
async fn best_collation(session: &mut Session) -> Answer<&'static str> {
    let sql = "SELECT COLLATION_NAME FROM information_schema.COLLATIONS \
        WHERE COLLATION_NAME LIKE 'utf8mb4%bin'";
    let known: Vec<String> = session.ask(sql).await?;
    let best = COLLATIONS.into_iter().find(|name| known.iter().any(|own| own == name));
    Ok(best.unwrap_or("utf8mb4_bin"))
}

const COLUMNS: &str = "SELECT COLUMN_NAME, LOWER(DATA_TYPE), CHARACTER_MAXIMUM_LENGTH, \
    COLLATION_NAME, IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NULL \
    AND EXTRA NOT LIKE '%auto_increment%' AND EXTRA NOT LIKE '%GENERATED%' \
    FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA = DATABASE() AND (TABLE_NAME = 'data_table' \
    OR @@lower_case_table_names > 0 AND LOWER(TABLE_NAME) = 'data_table')";

/// Tables that differ from `data_table` in their letters' case, on a server to which they are
/// others. TiDB is none: names keep their case there, and are found in any.
const OTHERS: &str = "SELECT TABLE_NAME FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = DATABASE() AND LOWER(TABLE_NAME) = 'data_table' \
    AND BINARY TABLE_NAME <> 'data_table' AND @@lower_case_table_names = 0";

/// The columns that are unique by themselves, in their whole length.
const UNIQUE: &str = "SELECT MAX(COLUMN_NAME) FROM information_schema.STATISTICS \
    WHERE TABLE_SCHEMA = DATABASE() AND (TABLE_NAME = 'data_table' \
    OR @@lower_case_table_names > 0 AND LOWER(TABLE_NAME) = 'data_table') AND NON_UNIQUE = 0 \
    GROUP BY INDEX_NAME HAVING COUNT(*) = 1 AND MAX(SUB_PART) IS NULL";

/// What the table can be used as, and what to warn of; or why it cannot be used.
fn check(columns: &[Column], unique: bool, best: &str) -> Result<(Table, Vec<String>), String> {
    let column = |wanted: &str| {
        let found = columns.iter().find(|(name, ..)| name.eq_ignore_ascii_case(wanted));
        found.ok_or_else(|| format!("it has no column `{wanted}`"))
    };
    let mut differences = Vec::new();
    let (_, kind, length, collation, _) = column("key")?;
    if !matches!(kind.as_str(), "varchar" | "varbinary") {
        return Err(format!("its column `key` is of the type {kind}"));
    }
    if !unique {
        return Err("its column `key` is not unique, so that nothing would be replaced".into());
    }
    if length.is_some_and(|length| length < KEY_LENGTH) {
        differences.push(format!("`key` is shorter than {KEY_LENGTH}"));
    }
    let collation = collation.as_deref().unwrap_or("binary");
    let key = match collation {
        "binary" | "utf8mb4_nopad_bin" | "utf8mb4_0900_bin" => "`key`",
        "utf8mb4_bin" => {
            if best != collation {
                differences.push("keys that differ in spaces at their end are one".into());
            }
            "`key`"
        }
        _ => {
            differences.push(format!(
                "`key` has the collation {collation}: keys that differ \
                in case, accents or spaces at their end may be one, and lists are slow"
            ));
            "CAST(CONVERT(`key` USING utf8mb4) AS BINARY)"
        }
    };
    let (_, kind, length, ..) = column("data")?;
    if !matches!(kind.as_str(), "longblob" | "mediumblob" | "blob" | "varbinary") {
        return Err(format!("its column `data` is of the type {kind}, which does not keep bytes"));
    }
    if kind != "longblob" {
        differences.push(format!("`data` is of the type {kind}"));
    }
    for (name, _, _, _, needed) in columns {
        let own = name.eq_ignore_ascii_case("key") || name.eq_ignore_ascii_case("data");
        if !own && *needed {
            return Err(format!("its column `{name}` needs a value, which objects do not have"));
        }
        if !own {
            differences.push(format!("it has a column `{name}`, which a replaced row loses"));
        }
    }
    Ok((Table { key, max_data: length.unwrap_or(u32::MAX.into()) }, differences))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: &str, length: u64, collation: Option<&str>) -> Column {
        (name.into(), kind.into(), Some(length), collation.map(Into::into), false)
    }

    #[test]
    fn our_own_table_differs_in_nothing() {
        let data = column("data", "longblob", 1 << 32, None);
        for collation in COLLATIONS {
            let columns = [column("key", "varchar", 255, Some(collation)), data.clone()];
            let (table, differences) = check(&columns, true, collation).unwrap();
            assert!(differences.is_empty() && table.key == "`key`");
        }
    }

    #[test]
    fn what_differs_is_named() {
        let columns = [
            column("key", "varchar", 100, Some("latin1_swedish_ci")),
            column("data", "blob", 65535, None),
            column("more", "int", 0, None),
        ];
        let (table, differences) = check(&columns, true, "utf8mb4_bin").unwrap();
        assert_eq!(table.max_data, 65535);
        assert!(table.key.starts_with("CAST"));
        let differences = differences.join("; ");
        for word in ["shorter", "latin1_swedish_ci", "blob", "`more`"] {
            assert!(differences.contains(word), "{differences}");
        }
    }

    #[test]
    fn unusable_tables_are_refused() {
        let key = column("key", "varchar", 255, None);
        let data = column("data", "longblob", 1 << 32, None);
        let mut needed = column("more", "int", 0, None);
        needed.4 = true;
        let text = column("data", "longtext", 1 << 32, Some("utf8mb4_bin"));
        let columns = [vec![key.clone()], vec![data.clone()], vec![key.clone(), text]];
        for columns in &columns {
            check(columns, true, "utf8mb4_bin").unwrap_err();
        }
        check(&[key.clone(), data.clone(), needed], true, "utf8mb4_bin").unwrap_err();
        check(&[key, data], false, "utf8mb4_bin").unwrap_err();
    }
}
