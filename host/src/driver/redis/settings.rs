//! Settings of servers that run.

use super::{Ack, Connection, failed};
use crate::Result;
use redis::Pipeline;

impl Connection {
    /// Changes settings of every primary, by their own names. Those before one that a server
    /// refuses are changed all the same.
    ///
    /// # Errors
    ///
    /// When a server cannot be reached or refuses a setting.
    pub(crate) async fn configure(&self, settings: &[(String, String)]) -> Result<()> {
        let wrong = |name: &str, fault| failed(&format!("set {name}"), self.address(), fault);
        let first = settings.first().map_or("", |(name, _)| name);
        for (_, server) in self.primaries().await.map_err(|fault| wrong(first, fault))? {
            let mut changes = Pipeline::with_capacity(settings.len());
            for (name, value) in settings {
                changes.cmd("CONFIG").arg("SET").arg(name).arg(value);
            }
            let answers = server.send(&mut changes, Ack::Primary).await;
            let answers = answers.map_err(|fault| wrong(first, fault))?;
            for (answer, (name, _)) in answers.into_iter().zip(settings) {
                answer.map_err(|fault| wrong(name, fault))?;
            }
        }
        Ok(())
    }
}
