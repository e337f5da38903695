//! `framedb pipelines`: which pipelines take objects.

use super::{connection::Connection, node_args::NodeArgs, output, request};
use anyhow::Result;
use axum::http::Method;
use clap::{Args, Subcommand};
use framedb_host::{Error, ErrorKind};
use serde_json::Value;

/// Look after pipelines that were halted.
#[derive(Debug, Subcommand)]
pub(crate) enum Pipelines {
    Ls(Ls),
    Resume(Resume),
}

/// Show every pipeline and whether it takes objects.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    node: NodeArgs,
}

/// Let a halted pipeline of the running node take objects again.
///
/// A node that is started again has no halted pipelines.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// Its name.
    #[arg(value_name = "PIPELINE")]
    name: String,

    #[command(flatten)]
    node: NodeArgs,
}

impl Pipelines {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::Ls(command) => command.run().await,
            Self::Resume(command) => command.run().await,
        }
    }
}

impl Ls {
    async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        let answer = request::json(&node, Method::GET, "/admin/pipelines").await?;
        node.close().await;
        for pipeline in answer.get("pipelines").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| pipeline.get(name).and_then(Value::as_str);
            let state = match text("halted") {
                Some(reason) => format!("halted: {reason}"),
                None => "takes objects".to_owned(),
            };
            output::data(&format!("{:<16}  {state}", text("name").unwrap_or_default()))?;
        }
        Ok(())
    }
}

impl Resume {
    async fn run(self) -> Result<()> {
        let alone = |_: &mut framedb_host::Config| {
            let message = "no node is running, so that no pipeline is halted";
            Err(Error::new(ErrorKind::NotFound, message).into())
        };
        let node = Connection::open_with(&self.node, alone).await?;
        let path = request::pipeline(&self.name, "/resume");
        let answer = request::json(&node, Method::POST, &path).await?;
        node.close().await;
        output::note(&match answer.get("resumed").and_then(Value::as_bool) {
            Some(true) => format!("resumed {}", self.name),
            _ => format!("{} was not halted", self.name),
        });
        Ok(())
    }
}
