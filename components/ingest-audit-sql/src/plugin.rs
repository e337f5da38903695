//! The plugin: a few statements for a batch, and what objects are told when one fails.

use crate::statement;
use framedb_plugin::{
    grants::is_not_granted,
    ingest::{Ingest, Object, Verdict},
    log,
};
use spin_sdk::mysql::{Connection, Error, MysqlError, ParameterValue};

/// What the operator sets.
#[derive(Debug, serde::Deserialize)]
pub struct Settings {
    /// `audit_sql_address`: the label of a granted database on a node, its address under Spin.
    address: String,
    /// `audit_sql_table`: the table, perhaps with its database.
    #[serde(default = "table")]
    table: String,
    /// `audit_sql_rows`: rows of a statement.
    #[serde(default = "rows")]
    rows: usize,
    /// `audit_sql_on_error`: what becomes of objects whose row could not be written.
    #[serde(default)]
    on_error: OnError,
}

/// What becomes of an object whose row could not be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnError {
    /// It is tried again later, unless a grant is missing: then its sender is told.
    #[default]
    Retry,
    /// It is stored without a row.
    Accept,
    /// Its sender is told.
    Reject,
}

/// Writes a row for every object.
#[derive(Debug)]
pub struct AuditSql {
    settings: Settings,
    /// Quoted.
    table: String,
}

impl AuditSql {
    /// Writes the rows of these objects.
    async fn write(&self, connection: &Connection, objects: &[Object<'_>]) -> Result<(), String> {
        let sql = statement::insert(&self.table, objects.len());
        let rows = objects.iter().flat_map(|object| statement::row(&object.envelope));
        let values: Vec<ParameterValue> = rows.collect();
        connection.execute(sql, values).await.map_err(said)
    }

    fn verdict(&self, written: &Result<(), String>) -> Verdict {
        match (written, self.settings.on_error) {
            (Ok(()), _) | (Err(_), OnError::Accept) => Verdict::accept(),
            (Err(reason), OnError::Retry) if !is_not_granted(reason) => {
                Verdict::retry(format!("cannot write the audit row: {reason}"))
            }
            (Err(reason), OnError::Retry | OnError::Reject) => {
                Verdict::reject(format!("cannot write the audit row: {reason}"))
            }
        }
    }
}

impl Ingest for AuditSql {
    const NAME: &'static str = "audit-sql";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        if !(1..=1000).contains(&settings.rows) {
            let rows = settings.rows;
            return Err(format!("setting `audit_sql_rows` is `{rows}`, expected 1 to 1000"));
        }
        let table = statement::quoted(&settings.table)?;
        Ok(Self { settings, table })
    }

    async fn process(&self, object: Object<'_>) -> Verdict {
        let verdicts = self.process_batch(vec![object]).await;
        verdicts.into_iter().next().unwrap_or_else(|| Verdict::retry("no answer"))
    }

    async fn process_batch(&self, batch: Vec<Object<'_>>) -> Vec<Verdict> {
        let connection = Connection::open(&self.settings.address).await.map_err(said);
        let mut verdicts = Vec::with_capacity(batch.len());
        for objects in batch.chunks(self.settings.rows) {
            let written = match &connection {
                Ok(connection) => self.write(connection, objects).await,
                Err(reason) => Err(reason.clone()),
            };
            if let (Err(reason), OnError::Accept) = (&written, self.settings.on_error) {
                let number = objects.len();
                log::warn(format_args!(
                    "{number} objects are stored without an audit row: {reason}"
                ));
            }
            verdicts.extend(objects.iter().map(|_| self.verdict(&written)));
        }
        verdicts
    }
}

/// The text of an error; what a node says of a connection names its label.
fn said(error: Error) -> String {
    match error {
        Error::MysqlError(
            MysqlError::ConnectionFailed(text)
            | MysqlError::BadParameter(text)
            | MysqlError::QueryFailed(text)
            | MysqlError::ValueConversionFailed(text)
            | MysqlError::Other(text),
        )
        | Error::Decode(text) => text,
    }
}

fn table() -> String {
    "audit".to_owned()
}

fn rows() -> usize {
    50
}
