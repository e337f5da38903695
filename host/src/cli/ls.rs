//! `framedb ls`: what there is.

use super::{connection::Connection, node_args::NodeArgs, output, request};
use anyhow::Result;
use axum::http::Method;
use clap::Args;
use framedb_core::Kind;
use serde_json::Value;

/// Objects on a page; the listing goes through all of them.
const PAGE: &str = "1000";

/// List objects and queues by key.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// What keys start with.
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,

    /// One kind only: in-memory, storage or stream.
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<Kind>,

    /// One instance only.
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<String>,

    /// Show kind, size, instance, time and content type as well.
    #[arg(short, long)]
    long: bool,

    /// Show everything, a JSON object per line.
    #[arg(long, conflicts_with = "long")]
    json: bool,

    #[command(flatten)]
    node: NodeArgs,
}

impl Ls {
    pub(super) async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        let mut after = None;
        loop {
            let path = request::with_query(
                "/objects",
                &[
                    ("prefix", Some(&self.prefix)),
                    ("after", after.as_deref()),
                    ("limit", Some(PAGE)),
                    ("type", self.kind.map(Kind::as_str)),
                    ("framedb_id", self.instance.as_deref()),
                ],
            );
            let page = request::json(&node, Method::GET, &path).await?;
            for object in page.get("objects").and_then(Value::as_array).into_iter().flatten() {
                output::data(&self.line(object))?;
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        node.close().await;
        Ok(())
    }

    fn line(&self, object: &Value) -> String {
        if self.json {
            return object.to_string();
        }
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        if !self.long {
            return text("key").to_owned();
        }
        let size = object.get("size").and_then(Value::as_u64).unwrap_or_default();
        let size = if text("type") == "stream" { "-".to_owned() } else { output::size(size) };
        let known = |name: &str| match text(name) {
            "" => "-",
            known => known,
        };
        format!(
            "{:<9}  {size:>10}  {:<10}  {:<24}  {:<16}  {}",
            text("type"),
            text("framedb_id"),
            known("stored_at"),
            known("content_type"),
            text("key"),
        )
    }
}
