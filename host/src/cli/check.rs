//! `framedb check`: would this configuration work?

use super::{keys, output, overrides::Overrides};
use anyhow::Result;
use clap::Args;
use framedb_host::{Config, Reached, Worker, pipeline::PipelineConfig, plugin::Plugin};
use std::sync::Arc;

/// Check a configuration and say what would run.
///
/// Reads the file, holds its settings against each other and loads every plugin; nothing is
/// written, and nothing is opened unless --connect asks for it.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    settings: Overrides,

    /// Connect to every server as the node would, and say whether it can be used: instances, the
    /// registry, the update channel, the masters of clusters and the servers that grants lead to
    /// by a URL. It only looks, and says which
    /// database and which tables the node would make at its start.
    #[arg(long)]
    connect: bool,

    /// Print the reference of every configuration key instead, as Markdown.
    #[arg(long)]
    keys: bool,
}

impl Check {
    pub(super) async fn run(self) -> Result<()> {
        if self.keys {
            return output::data(keys::reference().trim_end());
        }
        let config = self.settings.config()?;
        let plugins = Worker::check(&config).await?;
        for line in summary(&config, &plugins) {
            output::data(&line)?;
        }
        for line in Worker::warnings(&config, &plugins) {
            output::note(&format!("warning: {line}"));
        }
        if self.connect {
            connect(&config).await?;
        }
        output::note("the configuration is good");
        Ok(())
    }
}

/// Says of every server whether it can be used.
async fn connect(config: &Config) -> Result<()> {
    let reached = framedb_host::reach(config).await;
    let count = reached.len();
    let mut failed = 0;
    for Reached { what, outcome } in reached {
        match outcome {
            Ok((said, took)) => {
                let took = took.as_secs_f64() * 1e3;
                output::data(&format!("reached   {what}: {said} ({took:.0} ms)"))?;
            }
            Err(error) => {
                failed += 1;
                output::data(&format!("FAILED    {what}: {}", error.chain()))?;
                if let Some(hint) = error.hint() {
                    output::data(&format!("          hint: {hint}"))?;
                }
            }
        }
    }
    anyhow::ensure!(failed == 0, "{failed} of {count} cannot be used");
    Ok(())
}

fn summary(config: &Config, plugins: &[Arc<Plugin>]) -> Vec<String> {
    let mut lines = vec![
        format!("data      {}", config.data_dir.display()),
        format!("gRPC      {}", String::from(config.grpc)),
        format!("HTTP      {}", String::from(config.http)),
        format!(
            "limits    objects up to {}, {} in flight, {} each",
            config.limits.max_object,
            config.limits.in_flight,
            humantime::format_duration(config.limits.deadline),
        ),
    ];
    lines.push(format!("registry  {}", without_secrets(&config.registry.url)));
    for (id, instance) in &config.instances {
        lines.push(format!("instance  {id}: {}", without_secrets(&instance.url)));
    }
    for (name, cluster) in &config.clusters {
        let (tag, sentinels) = (&cluster.node_tag, cluster.sentinels.join(", "));
        lines.push(format!("cluster   {name}: for the nodes `{tag}`, sentinels {sentinels}"));
    }
    if let Some(url) = &config.sources.pubsub_url {
        lines.push(format!("updates   {}", without_secrets(url)));
    }
    for plugin in plugins {
        let stages: Vec<_> = plugin
            .stages()
            .map(|(stage, name, version)| format!("{stage} ({name} {version})"))
            .collect();
        lines.push(format!("plugin    {}: {}", plugin.name(), stages.join(", ")));
    }
    for (name, pipeline) in &config.pipelines {
        lines.push(format!("pipeline  {name}: {}", chain(pipeline)));
    }
    lines
}

/// A pipeline's plugins in order; what has none is the node's own.
pub(super) fn chain(pipeline: &PipelineConfig) -> String {
    let ingest = match pipeline.ingest.as_slice() {
        [] => "ingest (native)".to_owned(),
        plugins => plugins.join(" → "),
    };
    let resolve = pipeline.resolve.as_deref().unwrap_or("resolve (native)");
    let serialize = pipeline.serialize.as_deref().unwrap_or("serialize (native)");
    format!("{ingest} → {resolve} → {serialize}")
}

/// A URL without the user and the password that it may hold before its host or as parameters.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (hidden, rest) = match rest.rsplit_once('@') {
        Some((_, host)) => ("…@", host),
        None => ("", rest),
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = query.split('&').filter(|pair| pair.starts_with("db="));
    let query: String = query.take(1).map(|pair| format!("?{pair}")).collect();
    format!("{scheme}://{hidden}{place}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        assert_eq!(without_secrets("file:"), "file:");
        assert_eq!(without_secrets("redis://u:p@host:6379/0"), "redis://…@host:6379/0");
        let url = "etcds://u:p@one:2379,two/prefix?ca=/ca.pem";
        assert_eq!(without_secrets(url), "etcds://…@one:2379,two/prefix");
        let url = "unix:///run/redis.sock?password=p&db=2";
        assert_eq!(without_secrets(url), "unix:///run/redis.sock?db=2");
    }

    #[test]
    fn a_chain_names_plugins_and_native_stages() {
        let pipeline =
            PipelineConfig { serialize: Some("lz4".into()), ..PipelineConfig::default() };
        assert_eq!(chain(&pipeline), "ingest (native) → resolve (native) → lz4");
    }
}
