//! A fake upstream that does as little as possible: it reads a request away and writes the answer that it names.

use crate::answer::{self, Answer};
use crate::http;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

/// Listens on a free port of the loopback address and serves for as long as the program runs. Send times count from `epoch`.
pub(crate) async fn start(epoch: Instant) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for the fake upstream")?;
    let address = listener.local_addr()?;
    let counter = Arc::new(AtomicU64::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                if stream.set_nodelay(true).is_ok() {
                    // A proxy that goes away ends its connections, some of them roughly.
                    let _ = serve(stream, epoch, &counter).await;
                }
            });
        }
    });
    Ok(address)
}

async fn serve(stream: TcpStream, epoch: Instant, counter: &AtomicU64) -> anyhow::Result<()> {
    let mut reader = http::Reader::new(stream);
    while let Some(request) = reader.request().await? {
        reader.skip(request.content_length).await?;
        let answer = Answer::parse(&request.answer).context("no answer is named")?;
        let number = counter.fetch_add(1, Ordering::Relaxed);
        write(reader.stream(), answer, number, epoch).await?;
    }
    Ok(())
}

async fn write(stream: &mut TcpStream, answer: Answer, number: u64, epoch: Instant) -> anyhow::Result<()> {
    match answer {
        Answer::Message { bytes } => {
            let body = answer::message(bytes, number);
            let mut out = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_{number:024}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            out.push_str(&body);
            stream.write_all(out.as_bytes()).await?;
        }
        Answer::Stream { deltas, pace, seeds } => {
            let mut out = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nrequest-id: req_{number:024}\r\ntransfer-encoding: chunked\r\n\r\n"
            );
            out.push_str(&answer::opening(number));
            stream.write_all(out.as_bytes()).await?;
            let mut clock = (!pace.is_zero()).then(|| tokio::time::interval(pace));
            for place in 0..deltas {
                if let Some(clock) = &mut clock {
                    clock.tick().await;
                }
                out.clear();
                answer::delta(&mut out, seeds, place, clock.as_ref().map(|_| epoch));
                stream.write_all(out.as_bytes()).await?;
            }
            stream.write_all(answer::closing(deltas).as_bytes()).await?;
        }
    }
    Ok(())
}
