//! Replay: a dead letter goes through its pipeline once more, if asked for with another version
//! of the plugin that failed on it.

use crate::{
    Error, ErrorKind, Result,
    dead_letters::DeadLetter,
    node::Node,
    pipeline::Pipeline,
    plugin::{Plugin, Pool},
};
use bytes::Bytes;
use framedb_core::{Object, Receipt};
use std::sync::Arc;

impl Node {
    /// Sends the object of a dead letter through its pipeline again. The letter is removed when
    /// the object was stored, or dropped on purpose; else it has the newest failure.
    ///
    /// `component` stands in for the plugin that failed, with the settings, grants and limits of
    /// that one; the node's own traffic goes on with the version it has. A halted pipeline replays
    /// as well: that is how one sees whether it can be resumed.
    ///
    /// # Errors
    ///
    /// When there is no such letter or pipeline, the component cannot be used, or the node is
    /// full. What the pipeline has to say is in the receipt.
    pub async fn replay(
        &self,
        id: &str,
        component: Option<Bytes>,
    ) -> Result<(DeadLetter, Receipt)> {
        let missing = || {
            Error::new(ErrorKind::NotFound, format!("there is no dead letter {id}"))
                .with_hint("`framedb dlq ls` shows those that there are")
        };
        let letter = self.dead_letters.get(id).await?.ok_or_else(missing)?;
        let mut pipeline = self.pipeline_of(&letter)?.clone();
        if let Some(component) = component {
            let pool = self.stand_in(&letter, component).await?;
            pipeline = pipeline.with_plugin(&pool).ok_or_else(|| {
                let (pipeline, plugin) = (&letter.pipeline, pool.plugin().name());
                let message = format!("the pipeline `{pipeline}` has no plugin `{plugin}` now");
                Error::new(ErrorKind::Conflict, message)
                    .with_hint("replay it without another version of the plugin")
            })?;
        }
        let permit = self.ingress.admission().try_admit(letter.size).map_err(|failure| {
            Error::new(ErrorKind::Unavailable, format!("cannot replay {id}: {}", failure.message))
        })?;
        let data = self.dead_letters.payload(&letter.id).await?.ok_or_else(missing)?;
        let envelope = letter.object.envelope(letter.attempts.saturating_add(1));
        let object = Object { envelope, data };
        let receipt = self.ingress.replay(&pipeline, object, letter.from, permit).await;
        if receipt.outcome.is_success() {
            // One that failed elsewhere meanwhile has more attempts, and stays.
            self.dead_letters.remove(&letter.id, Some(letter.attempts)).await?;
        }
        Ok((letter, receipt))
    }

    fn pipeline_of(&self, letter: &DeadLetter) -> Result<&Arc<Pipeline>> {
        let found = self.pipelines.iter().find(|pipeline| pipeline.name() == &*letter.pipeline);
        found.ok_or_else(|| {
            let message = format!("there is no pipeline `{}` now", letter.pipeline);
            Error::new(ErrorKind::Conflict, message)
                .with_hint("export the dead letter, and put its payload again")
        })
    }

    /// Another version of the plugin that failed on a letter's object.
    async fn stand_in(&self, letter: &DeadLetter, component: Bytes) -> Result<Arc<Pool>> {
        let Some(culprit) = &letter.plugin else {
            let message =
                format!("no plugin failed on {}, but the {} stage", letter.id, letter.stage);
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_hint("replay it without another version of a plugin"));
        };
        let name = &culprit.name;
        let config = self.config.plugin(name);
        let plugin =
            Plugin::load(&self.engine, &self.environment, name, component, &config).await?;
        if !plugin.exports_stage(letter.stage) {
            let message = format!(
                "the component cannot stand in for plugin `{name}`: it has no {} stage",
                letter.stage
            );
            return Err(Error::new(ErrorKind::Plugin, message));
        }
        let max_object = self.config.limits.max_object.as_u64();
        let metrics = self.telemetry.pool(&letter.pipeline, name);
        Ok(Arc::new(Pool::new(Arc::new(plugin), config.isolation, max_object, metrics)))
    }
}
