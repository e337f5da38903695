//! `Stub`: a service over HTTP that answers what a test says.

use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What a service answers to a request line, such as `POST /framedb/objects`, and its JSON.
type Answers = dyn Fn(&str, &Value) -> (u16, String) + Send + Sync;

/// A service; it ends with this value.
pub(crate) struct Stub {
    url: String,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    task: JoinHandle<()>,
}

impl Stub {
    pub(crate) async fn start(
        answers: impl Fn(&str, &Value) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let (answers, log): (Arc<Answers>, _) = (Arc::new(answers), asked.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers.clone(), log.clone()));
            }
        });
        Self { url, asked, task }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked so far, and with which JSON.
    pub(crate) fn asked(&self, line: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(found, _)| found == line).map(|(_, body)| body.clone()).collect()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one request.
async fn serve(
    stream: TcpStream,
    answers: Arc<Answers>,
    log: Arc<Mutex<Vec<(String, Value)>>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line).await?;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let line = line.trim().trim_end_matches(" HTTP/1.1");
    log.lock().unwrap().push((line.to_owned(), body));
    let body = &log.lock().unwrap().last().unwrap().1.clone();
    let (status, text) = answers(line, body);
    let head = format!(
        "HTTP/1.1 {status} Answer\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(format!("{head}{text}").as_bytes()).await?;
    stream.shutdown().await
}
