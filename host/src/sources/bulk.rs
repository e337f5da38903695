//! What is done to many sources.

use super::{
    Sources,
    change::{Done, Edit, Saved},
    edit::absent,
    mapping::{Mapping, Target},
};
use crate::{Error, Result};
use futures::{StreamExt, stream};

/// Sources that are changed at once.
const AT_ONCE: usize = 16;

impl Sources {
    /// Moves all sources of a cluster on the nodes of a tag to the others there, each to the
    /// least assigned one. Repeating it goes on where it failed.
    ///
    /// # Errors
    ///
    /// When a source could not be moved, with how many were.
    pub(crate) async fn reassign_all(&self, node_tag: &str, framedb: &str) -> Result<()> {
        let name = self.clusters.of(framedb).map_or(framedb, |cluster| cluster.name()).to_owned();
        // Those that were moved, and whose producers were not told.
        let is_concerned = |mapping: &Mapping| mapping.is_on(node_tag, &name) || mapping.waits();
        let reassign = |source: String| {
            let (node_tag, name) = (node_tag.to_owned(), name.clone());
            let reassign = |sources: Self, source: String| async move {
                let (mapping, _) = sources.load(&source).await?;
                if mapping.is_on(&node_tag, &name) {
                    let edit = |mapping: &mut Mapping, target: Target| {
                        Ok(match mapping.is_on(&node_tag, &name) {
                            true => Edit::Changed(mapping.put(target)),
                            false => Edit::AsWanted(absent(mapping, &source, &node_tag)),
                        })
                    };
                    let _: Saved = sources.place(&source, &node_tag, Some(&name), edit).await?;
                }
                sources.tell(&source).await.map(|_| Done::Changed)
            };
            async move { self.in_turn(&source, reassign).await }
        };
        self.each("reassigned", is_concerned, reassign).await.map(drop)
    }

    /// Acts on every source whose mapping is concerned; how many there were.
    ///
    /// # Errors
    ///
    /// The first failure, with how many succeeded.
    pub(super) async fn each<F>(
        &self,
        what: &str,
        is_concerned: impl Fn(&Mapping) -> bool,
        act: impl Fn(String) -> F,
    ) -> Result<usize>
    where
        F: Future<Output = Result<Done>>,
    {
        let mappings = self.load_all().await?;
        let concerned = mappings.into_iter().filter(|(_, mapping)| is_concerned(mapping));
        let acts: Vec<F> = concerned.map(|(source, _)| act(source)).collect();
        let all = acts.len();
        let mut done = stream::iter(acts).buffer_unordered(AT_ONCE);
        let (mut succeeded, mut failure) = (0_usize, None);
        while let Some(answer) = done.next().await {
            match answer {
                Ok(_) => succeeded += 1,
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            None => Ok(all),
            Some(cause) => {
                let message = format!("{succeeded} of {all} sources were {what}, the others not");
                Err(Error::new(cause.kind(), message)
                    .with_hint("repeat the request: it is safe")
                    .with_source(cause))
            }
        }
    }
}
