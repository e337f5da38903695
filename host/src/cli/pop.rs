//! `framedb pop`: takes elements out of a queue.

use super::{connection::Connection, error::Misuse, node_args::NodeArgs, output, request, sink};
use anyhow::{Context as _, Result, bail};
use axum::http::{Method, StatusCode};
use clap::Args;
use std::{
    io::{self, Write as _},
    path::PathBuf,
};

/// How long writing an element may take.
const LEASE: &str = "60s";

/// Take the oldest element out of a queue.
///
/// The element is removed when it is written; one that could not be written stays. An empty
/// queue is a failure, so that scripts can tell.
#[derive(Debug, Args)]
pub(crate) struct Pop {
    /// The queue's name.
    queue: String,

    /// The file to write; the standard output when absent.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Take out everything: to FILE.1, FILE.2 and so on, or to the standard output with a
    /// line break after each element.
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    node: NodeArgs,
}

impl Pop {
    pub(super) async fn run(self) -> Result<()> {
        if self.queue.is_empty() {
            return Err(Misuse("the queue's name is empty".into()).into());
        }
        let node = Connection::open(&self.node).await?;
        let mut taken = 0;
        while self.take(&node, taken + 1).await? {
            taken += 1;
            if !self.all {
                break;
            }
        }
        node.close().await;
        if taken == 0 && !self.all {
            bail!("the queue `{}` is empty", self.queue);
        }
        if self.all {
            output::note(&output::count(taken as u64, "element"));
        }
        Ok(())
    }

    /// Takes out one element; `false` when none waits.
    async fn take(&self, node: &Connection, number: usize) -> Result<bool> {
        let queue = request::queue(&self.queue);
        let lease = request::with_query(&format!("{queue}/lease"), &[("for", Some(LEASE))]);
        let answer = request::succeeded(request::call(node, Method::POST, &lease).await?).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(false);
        }
        let token = answer.headers().get("x-framedb-token").and_then(|token| token.to_str().ok());
        let token = token.context("the node's answer has no token")?.to_owned();
        let done = |action: &str| {
            request::with_query(&format!("{queue}/{action}"), &[("token", Some(&token))])
        };
        let written = match &self.output {
            Some(path) if self.all => {
                let mut numbered = path.clone().into_os_string();
                numbered.push(format!(".{number}"));
                sink::write(answer, Some(numbered.as_ref())).await
            }
            Some(path) => sink::write(answer, Some(path)).await,
            None => sink::write(answer, None).await.and_then(|written| {
                if self.all {
                    io::stdout().write_all(b"\n").context("cannot write to the standard output")?;
                }
                Ok(written)
            }),
        };
        if let Err(error) = written {
            // It goes back at once instead of at the end of its lease.
            request::json(node, Method::POST, &done("nack")).await?;
            return Err(error);
        }
        request::json(node, Method::POST, &done("ack"))
            .await
            .context("the element was written, and may come again")?;
        Ok(true)
    }
}
