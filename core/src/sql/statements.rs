//! Statements about objects. Each takes its keys as parameters, in the order of its text.

/// Asks how many of the tables for chunks there are.
pub const CHUNK_TABLES: &str = "SELECT COUNT(*) FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('framedb_chunks', 'framedb_manifests')";

/// The answer to [`CHUNK_TABLES`] where objects may be in chunks.
pub const CHUNK_TABLES_COUNT: u64 = 2;

/// Reads pieces of an object: of its key and the write that its manifest names, those from a
/// number on and before another one.
pub const PIECES: &str = "SELECT `number`,`data` FROM framedb_chunks WHERE `key` = ? \
    AND `write_id` = ? AND `number` >= ? AND `number` < ? ORDER BY `number`";

/// The bytes that stand for a key on the wire, in whatever encoding its column keeps it.
pub(super) const KEY_BYTES: &str = "CAST(CONVERT(`key` USING utf8mb4) AS BINARY)";

/// A place for each of `count` values.
#[must_use]
pub fn marks(count: usize) -> String {
    vec!["?"; count].join(",")
}

/// Writes `rows` rows: a key and its data for each.
///
/// Where the table may take different keys for one, a row that would replace another key's divides
/// by zero, which ends the statement with error 1365.
#[must_use]
pub fn replace(rows: usize, folds: bool) -> String {
    let values = vec!["(?,?)"; rows].join(",");
    if !folds {
        return format!("REPLACE INTO data_table (`key`,`data`) VALUES {values}");
    }
    let own = KEY_BYTES.replace("`key`", "VALUES(`key`)");
    format!(
        "INSERT INTO data_table (`key`,`data`) VALUES {values} \
        ON DUPLICATE KEY UPDATE `data` = IF(1 / ({KEY_BYTES} = {own}), VALUES(`data`), `data`)"
    )
}

/// Reads where the objects of `keys` keys are: the key, the data of its row, and the write, the
/// number of chunks and the size that its manifest names. With tables for chunks the keys are
/// bound twice.
///
/// One statement looks at both places, so that an object which changes from one to the other is
/// found in either. A row and a manifest for one key at once are the work of an existing client,
/// which knows rows only: the row is newer. Numbers are cast, because MariaDB makes decimals of
/// those that meet `NULL` in a union.
#[must_use]
pub fn places(keys: usize, chunk_tables: bool) -> String {
    let marks = marks(keys);
    let rows = format!(
        "SELECT {KEY_BYTES},`data`,NULL,CAST(NULL AS UNSIGNED),CAST(NULL AS UNSIGNED) \
        FROM data_table WHERE `key` IN ({marks})"
    );
    if !chunk_tables {
        return rows;
    }
    format!(
        "{rows} UNION ALL SELECT `key`,NULL,`write_id`,CAST(`chunks` AS UNSIGNED),\
        CAST(`size` AS UNSIGNED) FROM framedb_manifests WHERE `key` IN ({marks})"
    )
}

/// The rows of `keys` keys, for a `DELETE FROM` or a `SELECT`. The keys are bound twice: the
/// second condition keeps a table that ignores case from touching other keys.
#[must_use]
pub fn rows_of(keys: usize) -> String {
    let marks = marks(keys);
    format!("data_table WHERE `key` IN ({marks}) AND {KEY_BYTES} IN ({marks})")
}

/// The manifests of `keys` keys, for a `DELETE FROM` or a `SELECT`.
#[must_use]
pub fn manifests_of(keys: usize) -> String {
    format!("framedb_manifests WHERE `key` IN ({})", marks(keys))
}

/// The chunks of `keys` keys, for a `DELETE FROM` or a `SELECT`.
#[must_use]
pub fn chunks_of(keys: usize) -> String {
    format!("framedb_chunks WHERE `key` IN ({})", marks(keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_have_a_mark_for_every_value() {
        let count = |sql: String| sql.matches('?').count();
        assert_eq!((count(replace(3, false)), count(rows_of(2)), count(marks(4))), (6, 4, 4));
        assert_eq!((count(places(2, false)), count(places(2, true))), (2, 4));
        assert_eq!((count(manifests_of(2)), count(chunks_of(2))), (2, 2));
    }
}
