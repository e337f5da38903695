//! What a node does beside the stages and Spin does not, or otherwise.

use super::draft::Draft;
use crate::{
    Config,
    pipeline::{Action, Framing, PipelineConfig},
    plugin::Isolation,
};
use framedb_core::spin::{DEADLINE, MAX_OBJECT};

/// Bytes that Spin answers a component at most.
const MOST: u64 = 128 << 20;

/// Says what the application does without, and sets what it has.
pub(super) fn warn(draft: &mut Draft, config: &Config, name: &str, pipeline: &PipelineConfig) {
    let most = config.limits.max_object.as_u64();
    if most > MOST {
        draft.refuse(format!(
            "limits.max-object is {}, and what Spin answers a component is bounded by 128 MiB",
            config.limits.max_object
        ));
    }
    draft.variable(MAX_OBJECT, &most.to_string());
    draft.variable(DEADLINE, &config.limits.deadline.as_secs().max(1).to_string());
    let others: Vec<_> =
        config.pipelines.keys().filter(|other| *other != name).map(|n| format!("`{n}`")).collect();
    if !others.is_empty() {
        draft.warn(format!(
            "an application has one pipeline, and takes all objects through it: {} left out",
            others.join(", ")
        ));
    }
    let matches = &pipeline.matches;
    if matches.source.is_some()
        || matches.kind.is_some()
        || matches.framedb_id.is_some()
        || matches.content_type.is_some()
    {
        draft.warn("the pipeline's match rule has no effect: an application takes all objects");
    }
    if pipeline.framing == Framing::None && pipeline.serialize.is_some() {
        draft.refuse(
            "the pipeline's `framing` is `none`, and an application writes elements of queues that \
             a serializer changed with a header: clients that read them directly would see it",
        );
    }
    policies(draft, pipeline);
    draft.warn("Spin ends no plugin by time, CPU or memory: the limits of plugins have no effect");
    for (_, plugin) in pipeline.plugins() {
        let Some(settings) = config.plugins.get(plugin) else { continue };
        if settings.isolation != Isolation::Pipeline {
            draft.warn(format!(
                "plugins.{plugin}.isolation has no effect: an instance of a worker has one of each \
                 plugin, and answers up to 16 requests at once"
            ));
        }
    }
}

fn policies(draft: &mut Draft, pipeline: &PipelineConfig) {
    let policy = &pipeline.policy;
    let actions = [
        policy.reject,
        policy.retry,
        policy.trap,
        policy.limit,
        policy.invalid,
        policy.too_large,
        policy.unavailable,
        policy.denied,
    ];
    if actions.contains(&Action::DeadLetter) {
        draft.warn("there are no dead letters: senders are told what failed, and keep the object");
    }
    if actions.contains(&Action::Pass) || actions.contains(&Action::Halt) {
        draft.warn("the policies `pass` and `halt` have no effect: senders are told what failed");
    }
    draft.warn("a plugin that fails ends the worker's instance, and with it up to 16 requests");
}
