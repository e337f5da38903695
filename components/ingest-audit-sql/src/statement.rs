//! The statement that writes rows.

use framedb_plugin::ingest::Envelope;
use spin_sdk::mysql::ParameterValue;

/// The columns that are written; the first one is the table's key.
const COLUMNS: [&str; 8] =
    ["id", "object_key", "source", "kind", "framedb_id", "content_type", "size", "attempt"];

/// Checks and quotes the name of a table, which may have a database in front.
///
/// # Errors
///
/// Says what is expected.
pub(crate) fn quoted(table: &str) -> Result<String, String> {
    let plain = |part: &str| {
        let letters = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        !part.is_empty() && letters
    };
    let parts: Vec<&str> = table.split('.').collect();
    if parts.len() > 2 || !parts.iter().all(|part| plain(part)) {
        return Err(format!(
            "setting `audit_sql_table` is `{table}`, expected `table` or `database.table` of \
             letters, digits and underscores"
        ));
    }
    Ok(format!("`{}`", parts.join("`.`")))
}

/// The statement for this number of objects. A row that is there already, because an object
/// came again, is not written twice.
pub(crate) fn insert(table: &str, rows: usize) -> String {
    let columns = COLUMNS.map(|column| format!("`{column}`")).join(", ");
    let row = format!("({})", vec!["?"; COLUMNS.len()].join(", "));
    let rows = vec![row; rows].join(", ");
    format!(
        "INSERT INTO {table} ({columns}) VALUES {rows} \
         ON DUPLICATE KEY UPDATE `attempt` = VALUES(`attempt`)"
    )
}

/// The values of an object's row.
pub(crate) fn row(envelope: &Envelope<'_>) -> [ParameterValue; COLUMNS.len()] {
    let text = |text: &str| ParameterValue::Str(text.to_owned());
    let maybe = |value: Option<&str>| value.map_or(ParameterValue::DbNull, text);
    [
        text(envelope.id),
        text(envelope.key),
        text(envelope.source),
        maybe(envelope.kind.map(|kind| kind.as_str())),
        maybe(envelope.framedb_id),
        maybe(envelope.content_type),
        ParameterValue::Uint64(envelope.size),
        ParameterValue::Uint32(envelope.attempt),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tables_name_cannot_be_anything_else() {
        assert_eq!(quoted("audit").unwrap(), "`audit`");
        assert_eq!(quoted("site.audit_2").unwrap(), "`site`.`audit_2`");
        for name in ["", "a.b.c", "a b", "a`b", "a;", ".a"] {
            assert!(quoted(name).is_err(), "{name}");
        }
    }

    #[test]
    fn every_row_has_a_value_for_every_column() {
        let statement = insert("`audit`", 3);
        let columns = row(&Envelope::default()).len();
        assert_eq!(statement.matches('?').count(), 3 * columns);
    }
}
