//! `framedb dlq`: objects that could not be stored.

use super::{
    ask, connection::Connection, node_args::NodeArgs, output, put, request, sink, volatile,
};
use anyhow::{Context as _, Result, bail};
use axum::http::Method;
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Look after objects that could not be stored.
#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    Ls(Ls),
    Show(Show),
    Export(Export),
    Replay(Replay),
    Drop(Drop),
}

/// List dead letters, the oldest first.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Those of one pipeline only.
    #[arg(long, value_name = "PIPELINE")]
    pipeline: Option<String>,

    /// Show a JSON object per line.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    node: NodeArgs,
}

/// Show why an object could not be stored.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The dead letter's id, or the start of it.
    #[arg(value_name = "ID")]
    id: String,

    /// Show everything as JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    node: NodeArgs,
}

/// Write objects as they were sent, and what is known of them, to files.
///
/// ID.bin has the object's bytes, ID.json its envelope, its failure, the backtrace, and what the
/// plugin was told until it failed: `framedb plugin run` reproduces the failure from them. The dead
/// letters stay.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The dead letters' ids, or the starts of them.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,

    /// The folder to write to; it is made if it does not exist.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    to: PathBuf,

    #[command(flatten)]
    node: NodeArgs,
}

/// Send objects through their pipeline again.
///
/// What is stored leaves the queue; what fails again stays, with the newest failure. Objects are
/// sent one after the other, the oldest first. An object whose key was written meanwhile replaces
/// what is there.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    which: Which,

    /// A component that stands in for the plugin that failed, with that plugin's settings.
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,

    #[command(flatten)]
    node: NodeArgs,
}

/// Remove dead letters with their objects, for good.
#[derive(Debug, Args)]
pub(crate) struct Drop {
    #[command(flatten)]
    which: Which,

    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    node: NodeArgs,
}

/// Which dead letters.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Which {
    /// Their ids, or the starts of them.
    #[arg(value_name = "ID", conflicts_with_all = ["all", "pipeline"])]
    ids: Vec<String>,

    /// All of them.
    #[arg(long)]
    all: bool,

    /// All of one pipeline.
    #[arg(long, value_name = "PIPELINE")]
    pipeline: Option<String>,
}

impl Dlq {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::Ls(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Export(command) => command.run().await,
            Self::Replay(command) => command.run().await,
            Self::Drop(command) => command.run().await,
        }
    }
}

impl Ls {
    async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        let (letters, page) = all(&node, self.pipeline.as_deref()).await?;
        node.close().await;
        for letter in &letters {
            output::data(&if self.json { letter.to_string() } else { line(letter) })?;
        }
        let number = |name: &str| page.get(name).and_then(Value::as_u64).unwrap_or_default();
        if let Some(pipeline) = &self.pipeline {
            let shown = output::count(letters.len() as u64, "dead letter");
            output::note(&format!("{shown} of the pipeline `{pipeline}`; of all pipelines:"));
        }
        output::note(&format!(
            "{}, {} of {}",
            output::count(number("count"), "dead letter"),
            output::size(number("bytes")),
            output::size(number("max_bytes"))
        ));
        Ok(())
    }
}

impl Show {
    async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        let letter = match self.json {
            true => whole(&node, &self.id).await?,
            false => get(&node, &self.id).await?,
        };
        node.close().await;
        if self.json {
            return output::data(&serde_json::to_string_pretty(&letter)?);
        }
        for line in lines(&letter) {
            output::data(&line)?;
        }
        Ok(())
    }
}

impl Export {
    async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        std::fs::create_dir_all(&self.to)
            .with_context(|| format!("cannot make the folder {}", self.to.display()))?;
        for id in &self.ids {
            let letter = whole(&node, id).await?;
            let id = text(&letter, "id");
            let path = request::dead_letter(id, "/payload");
            let answer = request::call(&node, Method::GET, &path).await?;
            let answer = request::succeeded(answer).await?;
            sink::write_private(answer, &self.to.join(format!("{id}.bin"))).await?;
            let record = self.to.join(format!("{id}.json"));
            write(&record, &(serde_json::to_string_pretty(&letter)? + "\n"))
                .with_context(|| format!("cannot write {}", record.display()))?;
            output::note(&format!("wrote what is known of it to {}", record.display()));
        }
        node.close().await;
        Ok(())
    }
}

impl Replay {
    async fn run(self) -> Result<()> {
        let component = match &self.plugin {
            Some(path) => {
                let read = std::fs::read(path);
                Bytes::from(read.with_context(|| format!("cannot read {}", path.display()))?)
            }
            None => Bytes::new(),
        };
        let node = Connection::open_with(&self.node, |config| {
            // What would end with this command is not taken out of the queue for it.
            volatile::close(config);
            Ok(())
        })
        .await?;
        let mut failed = 0_u64;
        let ids = self.which.ids(&node).await?;
        for id in &ids {
            let path = request::dead_letter(id, "/replay");
            let answer = request::post(&node, &path, component.clone()).await?;
            match request::succeeded(answer).await {
                Ok(answer) => {
                    let receipt = request::read_json(answer).await?;
                    // A part of it failed, and is kept in its place.
                    failed += u64::from(text(&receipt, "outcome") == "dead-lettered");
                    output::data(&put::line(&receipt))?;
                }
                Err(error) => {
                    failed += 1;
                    output::note(&format!("{id}: {error:#}"));
                }
            }
        }
        node.close().await;
        if failed > 0 {
            bail!("{failed} of {} dead letters could not be stored", ids.len());
        }
        Ok(())
    }
}

impl Drop {
    async fn run(self) -> Result<()> {
        let node = Connection::open(&self.node).await?;
        let ids = self.which.ids(&node).await?;
        if self.yes || ids.is_empty() || ask::remove(ids.len())? {
            for id in &ids {
                let path = request::dead_letter(id, "");
                let answer = request::json(&node, Method::DELETE, &path).await?;
                output::note(&format!("dropped {}", text(&answer, "id")));
            }
        }
        node.close().await;
        Ok(())
    }
}

impl Which {
    /// The ids that were given, or those of all that there are.
    async fn ids(&self, node: &Connection) -> Result<Vec<String>> {
        if !self.ids.is_empty() {
            return Ok(self.ids.clone());
        }
        let (letters, _) = all(node, self.pipeline.as_deref()).await?;
        if letters.is_empty() {
            output::note("there are no such dead letters");
        }
        Ok(letters.iter().map(|letter| text(letter, "id").to_owned()).collect())
    }
}

/// Writes what is known of a letter, which its plugin's settings are part of, for this user alone.
fn write(path: &Path, text: &str) -> io::Result<()> {
    // A temporary file is made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// Every dead letter, the oldest first, and the page that says how many there are.
async fn all(node: &Connection, pipeline: Option<&str>) -> Result<(Vec<Value>, Value)> {
    let mut letters = Vec::new();
    let mut after: Option<String> = None;
    let page = loop {
        let path = request::with_query("/admin/dead-letters", &[("after", after.as_deref())]);
        let mut page = request::json(node, Method::GET, &path).await?;
        if let Some(Value::Array(found)) = page.get_mut("dead_letters").map(Value::take) {
            let wanted = |letter: &Value| {
                pipeline.is_none_or(|pipeline| text(letter, "pipeline") == pipeline)
            };
            letters.extend(found.into_iter().filter(wanted));
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = Some(next.to_owned()),
            None => break page,
        }
    };
    letters.sort_by(|a, b| text(a, "first_at").cmp(text(b, "first_at")));
    Ok((letters, page))
}

/// A dead letter with its evidence in it.
pub(super) async fn whole(node: &Connection, id: &str) -> Result<Value> {
    let mut letter = get(node, id).await?;
    let path = request::dead_letter(text(&letter, "id"), "/evidence");
    let mut answer = request::json(node, Method::GET, &path).await?;
    if let (Some(letter), Some(evidence)) = (letter.as_object_mut(), answer.get_mut("evidence")) {
        letter.insert("evidence".into(), evidence.take());
    }
    Ok(letter)
}

/// The object's bytes.
pub(super) async fn payload(node: &Connection, letter: &Value) -> Result<Bytes> {
    let path = request::dead_letter(text(letter, "id"), "/payload");
    let answer = request::call(node, Method::GET, &path).await?;
    request::read(request::succeeded(answer).await?).await
}

async fn get(node: &Connection, id: &str) -> Result<Value> {
    let answer = request::json(node, Method::GET, &request::dead_letter(id, "")).await?;
    answer.get("dead_letter").cloned().context("the node's answer has no dead letter")
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(of: &Value, name: &str) -> u64 {
    of.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// A dead letter on one line.
fn line(letter: &Value) -> String {
    let stage = match (text(letter, "stage"), text(letter, "plugin")) {
        (stage, "") => stage.to_owned(),
        (stage, plugin) => format!("{stage}/{plugin}"),
    };
    format!(
        "{}  {}  {:>10}  {:<11}  {}: {stage}  {:>2}x  {}",
        text(letter, "id"),
        text(letter, "last_at"),
        output::size(number(letter, "size")),
        text(letter, "class"),
        text(letter, "pipeline"),
        number(letter, "attempts"),
        text(letter, "key"),
    )
}

/// What is recorded of the call that failed.
fn summary(recorded: &Value) -> String {
    let calls = output::count(number(recorded, "calls"), "host call");
    let readings = output::count(number(recorded, "readings"), "reading");
    let truncated = match recorded.get("truncated").and_then(Value::as_bool) {
        Some(true) => ", truncated",
        _ => "",
    };
    let size = output::size(number(recorded, "bytes"));
    format!("{calls}, {readings} of clocks, random numbers, {size}{truncated}")
}

/// All that a person wants to know of a dead letter.
fn lines(letter: &Value) -> Vec<String> {
    let object = letter.get("object").unwrap_or(&Value::Null);
    let plugin = letter.get("plugin").unwrap_or(&Value::Null);
    let mut lines = Vec::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("{name:<12}  {value}"));
        }
    };
    add("id", text(letter, "id"));
    add("key", text(object, "key"));
    add("object id", text(object, "id"));
    add("source", text(object, "source"));
    add("type", text(object, "kind"));
    add("instance", text(object, "framedb_id"));
    add("content type", text(object, "content_type"));
    add("metadata", text(object, "metadata"));
    add("size", &output::size(number(letter, "size")));
    add("pipeline", text(letter, "pipeline"));
    add("stage", text(letter, "stage"));
    add("plugin", text(plugin, "name"));
    add("digest", text(plugin, "digest"));
    add("class", text(letter, "class"));
    add("error", text(letter, "error"));
    if let Some(recorded) = letter.get("recorded").filter(|recorded| recorded.is_object()) {
        add("recorded", &summary(recorded));
    }
    add("attempts", &number(letter, "attempts").to_string());
    add("first", text(letter, "first_at"));
    add("last", text(letter, "last_at"));
    let frames = letter.get("backtrace").and_then(Value::as_array).into_iter().flatten();
    for (n, frame) in frames.filter_map(Value::as_str).enumerate() {
        add(if n == 0 { "backtrace" } else { "" }, frame);
    }
    lines
}
