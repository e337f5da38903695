//! `framedb rm`: removes objects and queues.

use super::{connection::Connection, node_args::NodeArgs, output, request};
use anyhow::{Result, bail};
use axum::http::{Method, StatusCode};
use clap::Args;

/// Remove objects, and queues with all their elements.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Their keys.
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,

    #[command(flatten)]
    node: NodeArgs,
}

impl Rm {
    pub(super) async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        let mut absent = Vec::new();
        for key in &self.keys {
            let answer = request::call(&node, Method::DELETE, &request::object(key)).await?;
            if answer.status() == StatusCode::NOT_FOUND {
                absent.push(format!("`{key}`"));
                continue;
            }
            request::succeeded(answer).await?;
            output::note(&format!("removed {key}"));
        }
        node.close().await;
        if !absent.is_empty() {
            bail!("there is no object {}", absent.join(", "));
        }
        Ok(())
    }
}
