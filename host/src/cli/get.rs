//! `framedb get`: reads an object.

use super::{connection::Connection, node_args::NodeArgs, output, request, sink};
use anyhow::Result;
use axum::http::{Method, StatusCode};
use clap::Args;
use framedb_host::{Error, ErrorKind};
use std::path::PathBuf;

/// Read an object as it was sent.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The object's key.
    key: String,

    /// The file to write, which appears when it is whole; the standard output when absent.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    node: NodeArgs,
}

impl Get {
    pub(super) async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        let answer = request::call(&node, Method::GET, &request::object(&self.key)).await?;
        if answer.status() == StatusCode::CONFLICT {
            let message = format!("`{}` is a queue, which is not read by key", self.key);
            let error = Error::new(ErrorKind::Conflict, message);
            return Err(error.with_hint("take its oldest element with `framedb pop`").into());
        }
        let answer = request::succeeded(answer).await?;
        if answer.headers().contains_key("x-framedb-foreign") {
            output::note(
                "note: these bytes were not written by the node; they are as they were found",
            );
        }
        sink::write(answer, self.output.as_deref()).await?;
        node.close().await;
        Ok(())
    }
}
