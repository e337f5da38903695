//! The table of objects: how it is made, and what makes one that is there usable.

use super::statements::KEY_BYTES;

/// Collations that tell every two keys apart, the best first: the last one ignores spaces at
/// the end, and is what older servers have.
const COLLATIONS: [&str; 3] = ["utf8mb4_nopad_bin", "utf8mb4_0900_bin", LAST_COLLATION];
const LAST_COLLATION: &str = "utf8mb4_bin";

/// What a key may have at most.
const KEY_LENGTH: u64 = 255;

/// The table `data_table`, which existing clients create, read and write: a column `key` and a
/// column `data`.
#[derive(Debug, Clone)]
pub struct Table {
    /// What stands for the key where bytes are compared or ordered.
    pub key: &'static str,
    /// Whether keys are kept in the bytes that senders wrote, in no other encoding.
    pub verbatim: bool,
    /// Whether it may take different keys for one.
    pub folds: bool,
    /// Bytes that `data` takes.
    pub max_data: u64,
}

/// A column as the server describes it: name, type, characters or bytes, collation, and
/// whether a row needs a value for it.
pub type Column = (String, String, Option<u64>, Option<String>, bool);

/// The statement that creates the table with a collation of [`best_collation`]. `table` is its
/// name, with the database where the session has none.
#[must_use]
pub fn create(table: &str, collation: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (`key` VARCHAR({KEY_LENGTH}) CHARACTER SET utf8mb4 \
        COLLATE {collation} NOT NULL PRIMARY KEY, `data` LONGBLOB)"
    )
}

/// Asks which collations a server has.
pub const KNOWN_COLLATIONS: &str = "SELECT COLLATION_NAME FROM information_schema.COLLATIONS \
    WHERE COLLATION_NAME LIKE 'utf8mb4%bin'";

/// The best collation for keys among those that a server has.
#[must_use]
pub fn best_collation(known: &[String]) -> &'static str {
    let best = COLLATIONS.into_iter().find(|name| known.iter().any(|own| own == name));
    best.unwrap_or(LAST_COLLATION)
}

/// Asks for the columns of the table, each a [`Column`]; there are none where there is no table.
pub const COLUMNS: &str = "SELECT COLUMN_NAME, LOWER(DATA_TYPE), CHARACTER_MAXIMUM_LENGTH, \
    COLLATION_NAME, IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NULL \
    AND EXTRA NOT LIKE '%auto_increment%' AND EXTRA NOT LIKE '%GENERATED%' \
    FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA = DATABASE() AND (TABLE_NAME = 'data_table' \
    OR @@lower_case_table_names > 0 AND LOWER(TABLE_NAME) = 'data_table')";

/// Tables that differ from `data_table` in their letters' case, on a server to which they are
/// others. TiDB is none: names keep their case there, and are found in any.
pub const OTHERS: &str = "SELECT TABLE_NAME FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = DATABASE() AND LOWER(TABLE_NAME) = 'data_table' \
    AND BINARY TABLE_NAME <> 'data_table' AND @@lower_case_table_names = 0";

/// The columns that are unique by themselves, in their whole length.
pub const UNIQUE: &str = "SELECT MAX(COLUMN_NAME) FROM information_schema.STATISTICS \
    WHERE TABLE_SCHEMA = DATABASE() AND (TABLE_NAME = 'data_table' \
    OR @@lower_case_table_names > 0 AND LOWER(TABLE_NAME) = 'data_table') AND NON_UNIQUE = 0 \
    GROUP BY INDEX_NAME HAVING COUNT(*) = 1 AND MAX(SUB_PART) IS NULL";

/// What the table can be used as, and what to warn of. `unique` are the answers to [`UNIQUE`],
/// `best` is the [`best_collation`] of the server.
///
/// # Errors
///
/// Says why it cannot be used, in words that follow "cannot use the table: ".
pub fn check(
    columns: &[Column],
    unique: &[String],
    best: &str,
) -> Result<(Table, Vec<String>), String> {
    let column = |wanted: &str| {
        let found = columns.iter().find(|(name, ..)| name.eq_ignore_ascii_case(wanted));
        found.ok_or_else(|| format!("it has no column `{wanted}`"))
    };
    let mut differences = Vec::new();
    let (_, kind, length, collation, _) = column("key")?;
    if !matches!(kind.as_str(), "varchar" | "varbinary") {
        return Err(format!("its column `key` is of the type {kind}"));
    }
    if !unique.iter().any(|name| name.eq_ignore_ascii_case("key")) {
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
                differences.push(
                    "of keys that differ only in spaces at their end it takes but one".into(),
                );
            }
            "`key`"
        }
        _ => {
            differences.push(format!(
                "`key` has the collation {collation}: of keys that differ \
                only in case, accents or spaces at their end it takes but one, and lists are slow"
            ));
            KEY_BYTES
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
    let verbatim = collation == "binary" || collation.starts_with("utf8mb4_");
    let folds = !matches!(collation, "binary" | "utf8mb4_nopad_bin" | "utf8mb4_0900_bin");
    let max_data = length.unwrap_or(u32::MAX.into());
    Ok((Table { key, verbatim, folds, max_data }, differences))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unique() -> Vec<String> {
        vec!["KEY".to_owned()]
    }

    fn column(name: &str, kind: &str, length: u64, collation: Option<&str>) -> Column {
        (name.into(), kind.into(), Some(length), collation.map(Into::into), false)
    }

    #[test]
    fn our_own_table_differs_in_nothing() {
        let data = column("data", "longblob", 1 << 32, None);
        for collation in COLLATIONS {
            let columns = [column("key", "varchar", 255, Some(collation)), data.clone()];
            let (table, differences) = check(&columns, &unique(), collation).unwrap();
            assert!(differences.is_empty() && table.key == "`key`" && table.verbatim);
        }
    }

    #[test]
    fn what_differs_is_named() {
        let columns = [
            column("key", "varchar", 100, Some("latin1_swedish_ci")),
            column("data", "blob", 65535, None),
            column("more", "int", 0, None),
        ];
        let (table, differences) = check(&columns, &unique(), "utf8mb4_bin").unwrap();
        assert_eq!(table.max_data, 65535);
        assert!(table.key.starts_with("CAST") && !table.verbatim);
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
            check(columns, &unique(), "utf8mb4_bin").unwrap_err();
        }
        check(&[key.clone(), data.clone(), needed], &unique(), "utf8mb4_bin").unwrap_err();
        check(&[key, data], &[], "utf8mb4_bin").unwrap_err();
    }
}
