//! `framedb codecs`: the components that were kept to decode what they wrote.

use super::{ask, connection::Connection, node_args::NodeArgs, output, request};
use anyhow::Result;
use axum::http::Method;
use clap::{Args, Subcommand};
use serde_json::Value;

/// Look after the kept codecs.
#[derive(Debug, Subcommand)]
pub(crate) enum Codecs {
    Ls(Ls),
    Prune(Prune),
}

/// Show every kept codec and what needs it.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Show everything as JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    node: NodeArgs,
}

/// Remove the codecs that are proven to be unused.
///
/// A codec is unused when no pipeline writes with it, no object names it, and no queue has
/// elements, which may need any codec.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    node: NodeArgs,
}

impl Codecs {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::Ls(command) => command.run().await,
            Self::Prune(command) => command.run().await,
        }
    }
}

impl Ls {
    async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        let answer = request::json(&node, Method::GET, "/admin/codecs").await?;
        node.close().await;
        if self.json {
            return output::data(&serde_json::to_string_pretty(&answer)?);
        }
        for codec in codecs(&answer) {
            output::data(&line(codec))?;
        }
        Ok(())
    }
}

impl Prune {
    async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        let answer = request::json(&node, Method::GET, "/admin/codecs").await?;
        let is_unused = |codec: &&Value| codec.get("unused").and_then(Value::as_bool) == Some(true);
        let unused: Vec<_> = codecs(&answer).filter(is_unused).collect();
        let queues = answer.get("queues").and_then(Value::as_u64).unwrap_or_default();
        if unused.is_empty() {
            let why =
                if queues > 0 { format!("; {queues} queues have elements") } else { String::new() };
            output::note(&format!("no codec is proven to be unused{why}"));
            node.close().await;
            return Ok(());
        }
        for codec in &unused {
            output::data(&line(codec))?;
        }
        if self.yes || ask::remove(unused.len())? {
            for codec in &unused {
                let digest = codec.get("digest").and_then(Value::as_str).unwrap_or_default();
                request::json(&node, Method::DELETE, &format!("/admin/codecs/{digest}")).await?;
                output::note(&format!("removed {digest}"));
            }
        }
        node.close().await;
        Ok(())
    }
}

fn codecs(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("codecs").and_then(Value::as_array).into_iter().flatten()
}

fn line(codec: &Value) -> String {
    let digest = codec.get("digest").and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| codec.get(name).and_then(Value::as_u64).unwrap_or_default();
    let flag = |name: &str| codec.get(name).and_then(Value::as_bool) == Some(true);
    let state = match (flag("installed"), flag("unused")) {
        (true, _) => "installed",
        (false, true) => "unused",
        (false, false) => "kept",
    };
    format!(
        "{digest}  {:>10}  {:>8} objects  {state}",
        output::size(number("size")),
        number("routes")
    )
}
