//! The client: sends what a load is made of over its connections, and takes the times.

use crate::answer::{SENT, SENT_DIGITS};
use crate::http;
use crate::loads::{Kind, Load, Request};
use anyhow::Context as _;
use memchr::memmem;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What one run of a load took.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// From the first request to the end of the last answer.
    pub(crate) took: Duration,
    /// Of each request, from its first byte to the end of its answer; microseconds, sorted.
    pub(crate) latencies: Vec<u64>,
    /// Of each delta, from when the upstream wrote it to when it was here; microseconds, sorted. Empty unless paced.
    pub(crate) delays: Vec<u64>,
    /// Bytes of all bodies, both ways.
    pub(crate) moved: u64,
}

/// Runs one round against `address`; waits before each request while `hold` is set. Send times count from `epoch`.
///
/// # Errors
/// When a request is not answered whole.
pub(crate) async fn run(
    load: Load,
    round: usize,
    address: SocketAddr,
    hold: &watch::Receiver<bool>,
    epoch: Instant,
) -> anyhow::Result<Run> {
    let mut ready = Vec::with_capacity(load.connections);
    for connection in 0..load.connections {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot reach {address}"))?;
        stream.set_nodelay(true)?;
        ready.push((stream, load.make(round, connection)));
    }
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (stream, requests) in ready {
        tasks.spawn(ask(stream, requests, hold.clone(), (load.kind == Kind::Paced).then_some(epoch)));
    }
    let mut all = Run::default();
    while let Some(one) = tasks.join_next().await {
        let one = one??;
        all.latencies.extend(one.latencies);
        all.delays.extend(one.delays);
        all.moved += one.moved;
    }
    all.took = begun.elapsed();
    all.latencies.sort_unstable();
    all.delays.sort_unstable();
    Ok(all)
}

async fn ask(
    stream: TcpStream,
    requests: Vec<Request>,
    mut hold: watch::Receiver<bool>,
    paced_since: Option<Instant>,
) -> anyhow::Result<Run> {
    let mut reader = http::Reader::new(stream);
    let mut run = Run::default();
    for request in requests {
        hold.wait_for(|hold| !hold).await?;
        let begun = Instant::now();
        send(reader.stream(), &request).await?;
        let mut deltas = Deltas::default();
        let came = reader.answer(|piece| {
            if let Some(epoch) = paced_since {
                deltas.read(piece, epoch, &mut run.delays);
            }
        });
        run.moved += (came.await? + request.body()) as u64;
        run.latencies.push(micros(begun.elapsed()));
    }
    Ok(run)
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), request: &Request) -> anyhow::Result<()> {
    let parts = [&request.head, &request.shared.as_bytes()[..request.shared_length], &request.rest];
    let mut slices = parts.map(IoSlice::new);
    let mut slices = slices.as_mut_slice();
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        let written = stream.write_vectored(slices).await?;
        anyhow::ensure!(written > 0, "a connection takes nothing more");
        IoSlice::advance_slices(&mut slices, written);
    }
    Ok(())
}

/// Finds the send times in a stream, however it is cut.
#[derive(Default)]
struct Deltas {
    /// The end of the piece before, where a send time may have begun.
    kept: Vec<u8>,
}

impl Deltas {
    fn read(&mut self, piece: &[u8], epoch: Instant, delays: &mut Vec<u64>) {
        let now = micros(epoch.elapsed());
        self.kept.extend_from_slice(piece);
        let mut from = 0;
        while let Some(at) = memmem::find(&self.kept[from..], SENT.as_bytes()) {
            let begin = from + at + SENT.len();
            let Some(digits) = self.kept.get(begin..begin + SENT_DIGITS) else { break };
            let sent: u64 =
                std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(now);
            delays.push(now.saturating_sub(sent));
            from = begin + SENT_DIGITS;
        }
        let rest = self.kept.len().saturating_sub(SENT.len() + SENT_DIGITS).max(from);
        self.kept.drain(..rest);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn send_times_are_found_however_the_stream_is_cut() {
        let stream = format!("data: {{{SENT}000000000001 x\"}}\n\ndata: {{{SENT}000000000002 y\"}}\n\n");
        for size in 1..stream.len() {
            let (mut deltas, mut delays) = (Deltas::default(), Vec::new());
            for piece in stream.as_bytes().chunks(size) {
                deltas.read(piece, Instant::now(), &mut delays);
            }
            assert_eq!(delays.len(), 2, "cut every {size} bytes");
        }
    }
}
