//! Where payloads go: the standard output, or a file that appears when it is whole.

use super::output;
use anyhow::{Context as _, Result};
use axum::{body::Body, http::Response};
use framedb_host::{Error, ErrorKind};
use http_body_util::BodyExt;
use std::{
    fs::{File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

/// Writes an answer's payload to a file, or to the standard output.
pub(super) async fn write(answer: Response<Body>, to: Option<&Path>) -> Result<u64> {
    match to {
        // What the user's mask allows, as for any new file.
        Some(path) => write_file(answer, path, 0o666).await,
        None => {
            let mut stdout = io::stdout().lock();
            let written = copy(answer, &mut stdout).await?;
            stdout.flush().context("cannot write to the standard output")?;
            Ok(written)
        }
    }
}

/// Writes what others may not read to a file.
pub(super) async fn write_private(answer: Response<Body>, to: &Path) -> Result<u64> {
    write_file(answer, to, 0o600).await
}

/// Writes aside and renames, so that the file is never there in part. A device or a pipe is
/// written into instead, and a link is followed: a rename would put a file in their place.
async fn write_file(answer: Response<Body>, path: &Path, mode: u32) -> Result<u64> {
    let failed = |source: io::Error| {
        let message = format!("cannot write {}", path.display());
        Error::new(ErrorKind::Unavailable, message).with_source(source)
    };
    let there = path.metadata().ok();
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        let mut device = File::options().write(true).open(path).map_err(failed)?;
        return copy(answer, &mut device).await;
    }
    let path = match there {
        Some(_) => path.canonicalize().map_err(failed)?,
        None => path.to_owned(),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    let written = copy(answer, &mut file).await?;
    file.persist(&path).map_err(|error| failed(error.error))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileTypeExt as _;

    #[tokio::test]
    async fn a_link_and_a_pipe_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(Response::new(Body::from("new")), Some(&link)).await.unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"new");

        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        write(Response::new(Body::from("new")), Some(&pipe)).await.unwrap();
        assert_eq!(reader.join().unwrap(), b"new");
        assert!(pipe.metadata().unwrap().file_type().is_fifo());
    }
}
