//! Where payloads go: the standard output, or a file that appears when it is whole.

use super::output;
use anyhow::{Context as _, Result};
use axum::{body::Body, http::Response};
use framedb_host::{Error, ErrorKind};
use http_body_util::BodyExt;
use std::{
    fs::Permissions,
    io::{self, Write},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

/// Writes an answer's payload to a file, or to the standard output.
pub(super) async fn write(answer: Response<Body>, to: Option<&Path>) -> Result<u64> {
    match to {
        Some(path) => write_file(answer, path).await,
        None => {
            let mut stdout = io::stdout().lock();
            let written = copy(answer, &mut stdout).await?;
            stdout.flush().context("cannot write to the standard output")?;
            Ok(written)
        }
    }
}

/// Writes aside and renames, so that the file is never there in part.
async fn write_file(answer: Response<Body>, path: &Path) -> Result<u64> {
    let failed = |source: io::Error| {
        let message = format!("cannot write {}", path.display());
        Error::new(ErrorKind::Unavailable, message).with_source(source)
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        // What the user's mask allows, as for any new file.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    let written = copy(answer, &mut file).await?;
    file.persist(path).map_err(|error| failed(error.error))?;
    output::note(&format!("wrote {} to {}", output::size(written), path.display()));
    Ok(written)
}

async fn copy(answer: Response<Body>, to: &mut impl Write) -> Result<u64> {
    let mut body = answer.into_body();
    let mut written = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.context("the node's answer ended early")?;
        let Ok(data) = frame.into_data() else { continue };
        to.write_all(&data).context("cannot write the payload")?;
        written += data.len() as u64;
    }
    Ok(written)
}
