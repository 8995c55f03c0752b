//! Asks our proxy how far its record is.

use crate::http;
use anyhow::Context as _;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// How far the record is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Exchanges in the store.
    pub(crate) rows: u64,
    /// Of those, not yet ended.
    pub(crate) active: u64,
    /// Exchanges of which nothing was recorded.
    pub(crate) lost: u64,
    /// Exchanges whose record misses something.
    pub(crate) incomplete: u64,
}

/// How often it is asked while it writes.
const ASK: Duration = Duration::from_millis(10);

/// How long all may take to be written.
const PATIENCE: Duration = Duration::from_secs(300);

async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Value> {
    let stream = TcpStream::connect(address).await?;
    let mut reader = http::Reader::new(stream);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n\r\n");
    reader.stream().write_all(request.as_bytes()).await?;
    let mut body = Vec::new();
    reader.answer(|piece| body.extend_from_slice(piece)).await?;
    serde_json::from_slice(&body).with_context(|| format!("{path} is no JSON"))
}

/// Bytes that wait for the recorder, and their bound.
async fn queue(address: SocketAddr) -> anyhow::Result<(u64, u64)> {
    let recording = &get(address, "/health").await?["recording"];
    let read = |name| recording[name].as_u64().context("the proxy does not say how long its queue is");
    Ok((read("queueBytes")?, read("queueLimit")?))
}

/// Waits until nothing is left in the queue.
///
/// # Errors
/// When that takes too long.
pub(crate) async fn written(address: SocketAddr) -> anyhow::Result<()> {
    let begun = Instant::now();
    while queue(address).await?.0 > 0 {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the recorder does not come to an end");
        tokio::time::sleep(ASK).await;
    }
    Ok(())
}

/// What is recorded so far.
pub(crate) async fn recorded(address: SocketAddr) -> anyhow::Result<Recorded> {
    let stats = get(address, "/api/monitor/stats").await?;
    let read = |value: &Value| value.as_u64().context("the proxy's figures are not as expected");
    Ok(Recorded {
        rows: read(&stats["totalRequests"])?,
        active: read(&stats["activeRequests"])?,
        lost: read(&stats["capture"]["lost"])?,
        incomplete: read(&stats["capture"]["incomplete"])?,
    })
}

/// Says when the client has to hold, so that the queue never overflows: while more than an eighth of its bound waits.
/// Goes on until nobody listens.
pub(crate) async fn keep_in_step(address: SocketAddr, hold: watch::Sender<bool>) {
    while !hold.is_closed() {
        if let Ok((used, limit)) = queue(address).await {
            hold.send_if_modified(|hold| std::mem::replace(hold, used > limit / 8) != *hold);
        }
        tokio::time::sleep(ASK).await;
    }
}
