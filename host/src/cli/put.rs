//! `framedb put`: stores a file, or what comes in.

use super::{
    connection::Connection, error::Misuse, node_args::NodeArgs, output, progress, request, volatile,
};
use anyhow::{Context as _, Result};
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Request, header},
};
use clap::Args;
use framedb_core::Kind;
use framedb_host::{Error, ErrorKind};
use futures::StreamExt as _;
use serde_json::{Map, Value};
use std::path::Path;
use tokio_util::io::ReaderStream;

/// Bytes that are read from a file at once.
const PIECE: usize = 256 << 10;

/// Store a file as an object, or push it into a queue.
#[derive(Debug, Args)]
pub(crate) struct Put {
    /// The file, or `-` for the standard input.
    #[arg(value_name = "FILE")]
    file: String,

    /// The instance to keep it in; without one, the pipeline decides.
    #[arg(long, value_name = "INSTANCE")]
    to: Option<String>,

    /// The key, or the queue's name; the file's name when absent, a new one when empty.
    #[arg(long)]
    key: Option<String>,

    /// How to keep it: in-memory, storage or stream.
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<Kind>,

    /// A pair of metadata; several make one JSON object.
    #[arg(long, value_name = "NAME=VALUE")]
    meta: Vec<String>,

    /// Who produced it.
    #[arg(long)]
    source: Option<String>,

    /// What it is; guessed from the file's name when absent.
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,

    /// Its id: sending it again with the same id is safe.
    #[arg(long)]
    id: Option<String>,

    #[command(flatten)]
    node: NodeArgs,
}

impl Put {
    pub(super) async fn run(self) -> Result<()> {
        let key = self.key()?;
        let metadata = metadata(&self.meta)?;
        let (body, length) = self.body().await?;
        let kind = self.kind.map(Kind::as_str);
        let path = match &key {
            Some(key) => request::object(key),
            None => "/objects".to_owned(),
        };
        let path =
            request::with_query(&path, &[("framedb_id", self.to.as_deref()), ("type", kind)]);
        let mut request = Request::put(path).body(body).context("cannot make the request")?;
        let headers = request.headers_mut();
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        let guessed = || mime_guess::from_path(&self.file).first_raw().map(ToOwned::to_owned);
        for (name, value) in [
            ("content-type", self.content_type.clone().or_else(guessed)),
            ("x-framedb-source", self.source.clone()),
            ("idempotency-key", self.id.clone()),
            ("x-framedb-metadata", metadata.as_deref().map(request::header_text)),
        ] {
            let Some(value) = value else { continue };
            let value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| Misuse(format!("{name}: control characters are not allowed")))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let node = Connection::open_with(&self.node, |config| {
            volatile::refuse(config, self.to.as_deref(), self.kind)?;
            volatile::close(config);
            Ok(())
        })
        .await?;
        let answer = node.send(request).await?;
        let receipt = request::read_json(request::succeeded(answer).await?).await?;
        node.close().await;
        output::data(&line(&receipt))
    }

    /// The key: the one given, else the file's name. Of the standard input the node makes one.
    fn key(&self) -> Result<Option<String>> {
        if self.key.is_some() || self.file == "-" {
            return Ok(self.key.clone().filter(|key| !key.is_empty()));
        }
        let name = Path::new(&self.file).file_name().and_then(|name| name.to_str());
        let name =
            name.ok_or_else(|| Misuse(format!("{:?} has no file name: add --key", self.file)))?;
        Ok(Some(name.to_owned()))
    }

    /// The payload as it is read, and its length where that is known.
    async fn body(&self) -> Result<(Body, Option<u64>)> {
        if self.file == "-" {
            let stream = ReaderStream::with_capacity(tokio::io::stdin(), PIECE);
            return Ok((Body::from_stream(stream), None));
        }
        let failed = |source: std::io::Error| {
            Error::new(ErrorKind::Invalid, format!("cannot read {}", self.file)).with_source(source)
        };
        let file = tokio::fs::File::open(&self.file).await.map_err(failed)?;
        let about = file.metadata().await.map_err(failed)?;
        if about.is_dir() {
            let message = format!("cannot read {}: it is a folder", self.file);
            return Err(Error::new(ErrorKind::Invalid, message).into());
        }
        // A pipe has no length before its end.
        let length = about.is_file().then_some(about.len());
        let bar = progress::bar(length, &self.file);
        let stream = ReaderStream::with_capacity(file, PIECE).inspect(move |piece| match piece {
            Ok(piece) => bar.inc(piece.len() as u64),
            Err(_) => bar.abandon(),
        });
        Ok((Body::from_stream(stream), length))
    }
}

/// Pairs as a JSON object; none is no metadata.
fn metadata(pairs: &[String]) -> Result<Option<String>> {
    let mut object = Map::new();
    for pair in pairs {
        let (name, value) =
            pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                Misuse(format!("--meta {pair:?} is not a pair: write it as name=value"))
            })?;
        if object.insert(name.to_owned(), value.into()).is_some() {
            return Err(Misuse(format!("--meta {name} is given twice")).into());
        }
    }
    Ok((!object.is_empty()).then(|| Value::Object(object).to_string()))
}

/// A receipt on one line.
pub(super) fn line(receipt: &Value) -> String {
    let text = |name: &str| receipt.get(name).and_then(Value::as_str).unwrap_or_default();
    let key = text("key");
    if text("outcome") == "dropped" {
        return format!("dropped {key}: {}", text("reason"));
    }
    if text("outcome") == "dead-lettered" {
        return format!("kept {key} as dead letter {}: {}", text("dead_letter"), text("reason"));
    }
    let size = receipt.get("size").and_then(Value::as_u64).unwrap_or_default();
    let codec = match text("codec") {
        "" => String::new(),
        codec => format!(" as {codec}"),
    };
    let synced = match receipt.get("synced").and_then(Value::as_bool) {
        Some(true) => ", on the disk",
        _ => "",
    };
    let (instance, kind) = (text("framedb_id"), text("type"));
    format!("stored {key} in {instance} ({kind}), {}{codec}{synced}", output::size(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Args {
        #[command(flatten)]
        put: Put,
    }

    fn put(arguments: &[&str]) -> Put {
        Args::parse_from([&["put"], arguments].concat()).put
    }

    #[test]
    fn the_key_defaults_to_the_name_of_the_file() {
        assert_eq!(put(&["a/b/frame.jpg"]).key().unwrap().unwrap(), "frame.jpg");
        assert_eq!(put(&["a/frame.jpg", "--key", "k"]).key().unwrap().unwrap(), "k");
        assert_eq!(put(&["-"]).key().unwrap(), None);
        assert!(put(&["/"]).key().is_err());
    }

    #[test]
    fn pairs_make_one_json_object() {
        let pairs = ["source=cam-1".to_owned(), "note=a=b".to_owned()];
        let metadata = metadata(&pairs).unwrap().unwrap();
        assert_eq!(metadata, r#"{"note":"a=b","source":"cam-1"}"#);
        assert_eq!(super::metadata(&[]).unwrap(), None);
        assert!(super::metadata(&["x".into()]).is_err());
        assert!(super::metadata(&["x=1".into(), "x=2".into()]).is_err());
    }

    #[test]
    fn a_receipt_is_one_line() {
        let receipt = json!({
            "outcome": "stored", "key": "k", "framedb_id": "disk", "type": "storage",
            "size": 2048, "codec": "lz4/1", "synced": true,
        });
        assert_eq!(line(&receipt), "stored k in disk (storage), 2.0 KiB as lz4/1, on the disk");
        let dropped = json!({ "outcome": "dropped", "key": "k", "reason": "dark" });
        assert_eq!(line(&dropped), "dropped k: dark");
    }
}
