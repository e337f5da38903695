//! `framedb plugin run`: the object of a dead letter through a component, away from the node.

use super::{
    connection::Connection, dlq, error::Otherwise, node_args::NodeArgs, output, plugin::read,
};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use clap::Args;
use framedb_host::{
    Ended,
    dead_letters::{DeadLetter, Evidence},
    plugin::{Engine, PluginConfig},
    reproduce,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Let a component judge the object of a dead letter once more, away from the node.
///
/// The component gets the object as the plugin that failed saw it. Its calls into capabilities,
/// its clocks and its random numbers are answered from what was recorded when that one failed, so
/// that nothing is reached or changed, no server has to run, and the outcome is the same each time.
///
/// Give the component that failed to see the failure again, and a mended one to see what it would
/// have answered. A component that makes other calls than the one that
/// failed cannot be answered: the first such call is shown beside the one that was recorded. Try
/// such a component with `framedb dlq replay ID --plugin FILE`, which asks the real servers.
///
/// Secret settings are placeholders, as in the record.
///
/// Exit codes: 0 a verdict was given, 1 the component failed, 3 it asked for something else than
/// is recorded.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    framedb plugin run my-codec.wasm --dlq 3b1d\n  \
    framedb dlq export 3b1d --to letters && \
    framedb plugin run fixed.wasm --letter letters/3b1d0c….json")]
pub(crate) struct Run {
    /// A component file, or the name of a built-in plugin.
    #[arg(value_name = "FILE|BUILTIN")]
    component: String,

    /// The dead letter's id, or the start of it.
    #[arg(long, value_name = "ID", required_unless_present = "letter")]
    dlq: Option<String>,

    /// A dead letter that `framedb dlq export` wrote, on any machine. The object's bytes are in the
    /// file of the same name that ends with `.bin`.
    #[arg(long, value_name = "FILE", conflicts_with = "dlq")]
    letter: Option<PathBuf>,

    #[command(flatten)]
    node: NodeArgs,
}

/// A dead letter with all that is known of it.
struct Case {
    letter: DeadLetter,
    evidence: Option<Evidence>,
    payload: Bytes,
}

impl Run {
    pub(super) async fn run(self) -> Result<()> {
        let component = read(&self.component)?;
        let (case, config) = match (&self.dlq, &self.letter) {
            (_, Some(path)) => (exported(path)?, PluginConfig::default()),
            (Some(id), None) => {
                let node = Connection::open(&self.node).await?;
                let case = kept(&node, id).await;
                node.close().await;
                let case = case?;
                let plugins = self.node.config()?.plugins;
                let plugin = case.letter.plugin.as_ref();
                let config = plugin.and_then(|plugin| plugins.get(&plugin.name)).cloned();
                (case, config.unwrap_or_default())
            }
            (None, None) => bail!("there is no dead letter to run it with"),
        };
        let Case { letter, evidence, payload } = case;
        let engine = Engine::new(None)?;
        let run = reproduce(&engine, component, &letter, evidence, payload, config).await?;
        let plugin = letter.plugin.as_ref().map(|plugin| &*plugin.name).unwrap_or_default();
        show("letter", &letter.id)?;
        show("object", letter.object.key.as_str())?;
        show("failed in", &format!("{}: {}/{plugin}", letter.pipeline, letter.stage))?;
        show("recorded", &letter.error)?;
        show(
            "component",
            match run.same_component {
                true => "the one that failed",
                false => "another than the one that failed",
            },
        )?;
        for note in &run.notes {
            show("note", note)?;
        }
        match run.ended {
            Ended::Verdict(verdict) => show("verdict", &verdict),
            Ended::Failed { failure, backtrace, same } => {
                show("failure", &failure.message)?;
                for (n, frame) in backtrace.iter().enumerate() {
                    show(if n == 0 { "backtrace" } else { "" }, frame)?;
                }
                bail!(match same {
                    true => "it failed as it is recorded",
                    false => "it failed otherwise than it is recorded",
                })
            }
            Ended::Otherwise(how) => Err(Otherwise(how).into()),
        }
    }
}

fn show(name: &str, value: &str) -> Result<()> {
    output::data(&format!("{name:<10}  {value}"))
}

/// A dead letter of a node.
async fn kept(node: &Connection, id: &str) -> Result<Case> {
    let letter = dlq::whole(node, id).await?;
    let payload = dlq::payload(node, &letter).await?;
    case(letter, payload)
}

/// A dead letter that was exported.
fn exported(path: &Path) -> Result<Case> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let letter = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a dead letter", path.display()))?;
    let payload = path.with_extension("bin");
    let payload = std::fs::read(&payload)
        .with_context(|| format!("cannot read the object's bytes {}", payload.display()))?;
    case(letter, payload.into())
}

/// A letter as commands write it, with its evidence in it.
fn case(mut letter: Value, payload: Bytes) -> Result<Case> {
    let evidence = letter.get_mut("evidence").map(Value::take).unwrap_or_default();
    // Commands write times for people.
    for name in ["first_at", "last_at"] {
        if let Some(time) = letter.get_mut(name) {
            *time = 0.into();
        }
    }
    let what = "the dead letter is not one of this version";
    Ok(Case {
        letter: serde_json::from_value(letter).context(what)?,
        evidence: serde_json::from_value(evidence).context(what)?,
        payload,
    })
}
