//! Standard output and error of plugins, as lines of the node's log.

use crate::{
    events::Events,
    plugin::{failure::Exceeded, secrets::Secrets},
};
use bytes::Bytes;
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::io::AsyncWrite;
use tracing::{Level, enabled, event};
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

/// Bytes of one line that are logged; what is longer is cut, so that a guest cannot make the
/// host gather without bound.
const MAX_LINE: usize = 8 << 10;

/// Bytes that a line counts beside its own: about what the log writes before it.
const LINE: u64 = 100;

/// Bytes a guest may write at once.
const PERMIT: usize = 64 << 10;

/// Where a plugin instance's output goes: complete lines to the log, the last one remembered,
/// because a panic says there what happened.
#[derive(Clone)]
pub(crate) struct Lines {
    plugin: Arc<str>,
    secrets: Arc<Secrets>,
    told: Arc<Events>,
    // Held for the length of a copy; never across an await.
    buffer: Arc<Mutex<Buffer>>,
}

#[derive(Default)]
struct Buffer {
    partial: Vec<u8>,
    last: String,
    /// Bytes that the present call has written, and may write.
    written: u64,
    most: u64,
}

impl Lines {
    pub(crate) fn new(plugin: Arc<str>, secrets: Arc<Secrets>, told: Arc<Events>) -> Self {
        Self { plugin, secrets, told, buffer: Arc::default() }
    }

    /// The last line that was written since the last call of this function.
    pub(crate) fn take_last(&self) -> Option<String> {
        let mut buffer = self.lock();
        if !buffer.partial.is_empty() {
            self.finish_line(&mut buffer);
        }
        let last = std::mem::take(&mut buffer.last);
        (!last.is_empty()).then_some(last)
    }

    /// Begins a call that may write `most` bytes.
    pub(crate) fn arm(&self, most: u64) {
        let mut buffer = self.lock();
        (buffer.written, buffer.most) = (0, most);
    }

    /// Makes room for another call's.
    pub(crate) fn widen(&self, more: u64) {
        let mut buffer = self.lock();
        buffer.most = buffer.most.saturating_add(more);
    }

    /// The limit, when the present call wrote more than that.
    pub(crate) fn exceeded(&self) -> Option<Exceeded> {
        let buffer = self.lock();
        let value = || bytesize::ByteSize::b(buffer.most).to_string();
        (buffer.written > buffer.most).then(|| Exceeded { setting: "log", value: value() })
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, bytes: &[u8]) {
        let mut buffer = self.lock();
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        buffer.written = buffer.written.saturating_add(bytes.len() as u64 + lines * LINE);
        if buffer.written > buffer.most {
            return;
        }
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = MAX_LINE.saturating_sub(buffer.partial.len()).min(text.len());
            buffer.partial.extend_from_slice(text.get(..room).unwrap_or_default());
            if ends {
                self.finish_line(&mut buffer);
            }
        }
    }

    /// Logs the line at the level that its first word names, else as information.
    fn finish_line(&self, buffer: &mut Buffer) {
        let line = self.secrets.text(String::from_utf8_lossy(&buffer.partial).trim_end());
        buffer.partial.clear();
        if line.is_empty() {
            return;
        }
        // What the log's filter leaves out takes no line from the rest.
        macro_rules! tell {
            ($level:ident, $text:expr) => {
                if enabled!(Level::$level)
                    && let Some(untold) = self.told.tell()
                {
                    let (plugin, text) = (&*self.plugin, $text);
                    event!(Level::$level, plugin, text, untold, "plugin output");
                }
            };
        }
        match line.split_once(' ') {
            Some(("ERROR", text)) => tell!(ERROR, text),
            Some(("WARN", text)) => tell!(WARN, text),
            Some(("DEBUG", text)) => tell!(DEBUG, text),
            Some(("INFO", text)) => tell!(INFO, text),
            _ => tell!(INFO, &*line),
        }
        // Rust's panic message is followed by a note on backtraces, which says nothing here.
        if !line.starts_with("note: ") {
            buffer.last = line;
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.append(&bytes);
        match self.exceeded() {
            Some(exceeded) => Err(StreamError::Trap(wasmtime::Error::new(exceeded))),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

impl AsyncWrite for Lines {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // What is too much is not written, which ends the stream, and the call when it answers.
        self.append(bytes);
        Poll::Ready(match self.exceeded() {
            Some(_) => Err(io::ErrorKind::BrokenPipe.into()),
            None => Ok(bytes.len()),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_remembered_once_and_long_lines_are_cut() {
        let lines = Lines::new("x".into(), Arc::default(), Arc::default());
        lines.arm(1 << 20);
        lines.append(b"first\nsec");
        lines.append(b"ond\n");
        assert_eq!(lines.take_last().as_deref(), Some("second"));
        assert_eq!(lines.take_last(), None);
        lines.append(&vec![b'a'; 100_000]);
        assert_eq!(lines.take_last().map(|line| line.len()), Some(MAX_LINE));
    }

    #[test]
    fn lines_that_nobody_sees_take_no_room_from_those_that_are_told() {
        let told = Arc::new(Events::at_most(1));
        let lines = Lines::new("x".into(), Arc::default(), told.clone());
        lines.arm(1 << 20);
        let nobody = tracing::subscriber::NoSubscriber::default();
        tracing::subscriber::with_default(nobody, || lines.append(b"DEBUG one\nDEBUG two\n"));
        assert_eq!(told.tell(), Some(None));
    }

    #[test]
    fn short_lines_count_what_stands_before_them() {
        let lines = Lines::new("x".into(), Arc::default(), Arc::default());
        lines.arm(10 * LINE);
        lines.append(&b"a\n".repeat(10));
        assert_eq!(lines.exceeded().map(|e| e.setting), Some("log"));
    }

    #[test]
    fn what_a_call_writes_beyond_its_limit_is_not_logged() {
        let lines = Lines::new("x".into(), Arc::default(), Arc::default());
        lines.arm(10 + LINE);
        lines.append(b"123456789\n");
        assert!(lines.exceeded().is_none());
        lines.append(b"more\n");
        assert_eq!(lines.exceeded().map(|e| e.setting), Some("log"));
        assert_eq!(lines.take_last().as_deref(), Some("123456789"));
        lines.arm(10 + LINE);
        assert!(lines.exceeded().is_none());
    }
}
