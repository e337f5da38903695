//! `framedb instances`: where objects can be kept.

use super::{connection::Connection, node_args::NodeArgs, output, request};
use anyhow::Result;
use axum::http::Method;
use clap::Args;
use serde_json::Value;

/// Show the instances of the node and whether they can be used.
#[derive(Debug, Args)]
pub(crate) struct Instances {
    /// Show everything as JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    node: NodeArgs,
}

impl Instances {
    pub(super) async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        let answer = request::json(&node, Method::GET, "/admin/instances").await?;
        node.close().await;
        if self.json {
            return output::data(&serde_json::to_string_pretty(&answer)?);
        }
        for instance in answer.get("instances").and_then(Value::as_array).into_iter().flatten() {
            output::data(&line(instance))?;
        }
        if let Some(registry) = answer.get("registry") {
            output::note(&format!(
                "registry: {}, {}",
                text(registry, "description"),
                health(registry)
            ));
        }
        Ok(())
    }
}

fn line(instance: &Value) -> String {
    let kinds: Vec<_> = instance
        .get("kinds")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let (id, description) = (text(instance, "id"), text(instance, "description"));
    format!("{id:<12}  {:<18}  {:<8}  {description}", kinds.join(", "), health(instance))
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether something can be used, in words.
fn health(of: &Value) -> String {
    let health = of.get("health");
    let well = health.and_then(|health| health.get("healthy")).and_then(Value::as_bool);
    let error = health.and_then(|health| health.get("error")).and_then(Value::as_str);
    match (well, error) {
        (Some(true), _) => "healthy".to_owned(),
        (_, Some(error)) => format!("cannot be used: {error}"),
        _ => "unknown".to_owned(),
    }
}
