//! The node as a library: ingests from code, without network.
//!
//! ```text
//! cargo run -p framedb-host --example embed
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use framedb_host::{Worker, pipeline::Arrival};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = tempfile::tempdir()?;
    let worker = Worker::builder().data_dir(data.path()).without_network().build().await?;
    let arrival = Arrival {
        key: "cam-1/frame-1".into(),
        framedb_id: "memory".into(),
        metadata: r#"{"source":"cam-1"}"#.into(),
        data: "hello".into(),
        ..Arrival::default()
    };
    let receipt = worker.ingress().ingest(arrival).await;
    println!("{}: {} in {:?}", receipt.key, receipt.outcome.message(), receipt.framedb_id);
    let found = worker.reader().get(&"cam-1/frame-1".to_owned().try_into()?).await?;
    println!("read back: {:?}", found.map(|found| found.data));
    worker.drain(std::time::Duration::from_secs(1)).await;
    Ok(())
}
