//! One client's connection: reads requests, finds their reply and does its steps, watching for the client to leave.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::body::BodyReader;
use super::head::{self, Head};
use super::{Shared, control};
use crate::api::Request;
use crate::reply::{Reply, Shape};
use crate::script::Step;
use crate::{Received, Script};

/// Whether the connection may carry another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Stay,
    Close,
}

struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
    shared: Arc<Shared>,
    number: u64,
    /// The client will send no more (FIN) or is gone (RST).
    left: Option<Instant>,
    /// The request being served (0 for none that is remembered) and when its head was there.
    current: u64,
    begun: Instant,
}

/// Serves requests until the client closes, an error occurs or a reply closes.
pub(super) async fn serve(stream: TcpStream, number: u64, shared: Arc<Shared>) {
    // Fails only on a connection that is already gone, which the first read will show.
    let _ = stream.set_nodelay(true);
    let buffer = BytesMut::with_capacity(16 * 1024);
    let begun = Instant::now();
    let mut connection = Connection { stream, buffer, shared, number, left: None, current: 0, begun };
    while let Ok(Next::Stay) = connection.exchange().await {}
}

impl Connection {
    async fn exchange(&mut self) -> io::Result<Next> {
        let head = loop {
            match head::take(&mut self.buffer) {
                Ok(Some(head)) => break head,
                Ok(None) if self.left.is_some() || !self.read().await? => return Ok(Next::Close),
                Ok(None) => {}
                Err(problem) => return self.refuse(&problem).await,
            }
        };
        let path = head.target.split('?').next().unwrap_or_default().to_owned();
        if path.starts_with("/_simulator/") {
            return self.control(&head, &path).await;
        }

        self.begun = Instant::now();
        self.current = self.remember(&head);
        let script = self.shared.next_script(&head.method, &path);
        let next = match &script {
            Some(script) if script.starts_early() => {
                let id = self.current;
                if self.perform(script.steps()).await? == Next::Close {
                    return Ok(Next::Close);
                }
                self.current = id;
                self.read_body(&head).await?;
                Next::Stay
            }
            _ => {
                let Some(body) = self.read_body(&head).await? else { return Ok(Next::Close) };
                let steps = self.steps(script.as_ref(), &head, body);
                self.perform(&steps).await?
            }
        };
        Ok(if head.keep_alive { next } else { Next::Close })
    }

    fn steps(&self, script: Option<&Script>, head: &Head, body: Bytes) -> Vec<Step> {
        match script {
            Some(script) => script.steps().to_vec(),
            None => {
                let request =
                    Request { method: &head.method, target: &head.target, headers: &head.headers, body };
                let (reply, mut shape) = self.shared.api.answer(&request);
                shape.close |= !head.keep_alive;
                reply.into_steps(&shape, head.method == "HEAD")
            }
        }
    }

    async fn control(&mut self, head: &Head, path: &str) -> io::Result<Next> {
        let Some(body) = self.read_body(head).await? else { return Ok(Next::Close) };
        let reply = control::answer(&self.shared, &head.method, path, &body);
        let steps = reply.into_steps(&Shape { close: !head.keep_alive, ..Shape::default() }, false);
        self.perform(&steps).await
    }

    async fn refuse(&mut self, problem: &str) -> io::Result<Next> {
        let reply = Reply::whole(400, "text/plain", format!("simulator: {problem}\n"));
        let steps = reply.into_steps(&Shape { close: true, ..Shape::default() }, false);
        self.perform(&steps).await
    }

    fn remember(&self, head: &Head) -> u64 {
        let id = self.shared.next_request_id();
        self.shared.remember(Received {
            id,
            connection: self.number,
            at: SystemTime::now(),
            method: head.method.clone(),
            target: head.target.clone(),
            headers: head.headers.clone(),
            raw_head: head.raw.clone(),
            body: Bytes::new(),
            raw_body: Bytes::new(),
            body_complete: false,
            answered: false,
            client_left: None,
        });
        id
    }

    /// The body's payload; `None` if the client left in the middle of it.
    async fn read_body(&mut self, head: &Head) -> io::Result<Option<Bytes>> {
        let mut reader = BodyReader::new(head.framing);
        let mut result = reader.take(&mut self.buffer);
        if result.is_ok() && !reader.is_done() && head.expects_continue {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        while result.is_ok() && !reader.is_done() && self.left.is_none() && self.read().await.unwrap_or(false)
        {
            result = reader.take(&mut self.buffer);
        }
        let complete = reader.is_done();
        let (payload, raw) = reader.bytes();
        let answer = complete.then(|| payload.clone());
        self.shared.update(self.current, |received| {
            received.body = payload;
            received.raw_body = raw;
            received.body_complete = complete;
        });
        match result {
            Ok(()) => Ok(answer),
            Err(problem) => self.refuse(&problem).await.map(|_| None),
        }
    }

    /// Does the steps of a reply and notes how it went.
    async fn perform(&mut self, steps: &[Step]) -> io::Result<Next> {
        let result = self.try_steps(steps).await;
        if result.is_err() {
            self.note_left();
        } else {
            self.shared.update(self.current, |received| received.answered = true);
        }
        self.current = 0;
        result
    }

    fn note_left(&mut self) {
        let at = *self.left.get_or_insert_with(Instant::now);
        let after = at.saturating_duration_since(self.begun);
        self.shared.update(self.current, |received| received.client_left = Some(after));
    }

    async fn try_steps(&mut self, steps: &[Step]) -> io::Result<Next> {
        let mut wrote = false;
        for step in steps {
            match step {
                Step::Send(bytes) => {
                    if wrote {
                        // Lets the peer read what it has, so that a split stays a split.
                        tokio::task::yield_now().await;
                    }
                    self.stream.write_all(bytes).await?;
                    wrote = true;
                }
                Step::Pause(time) => self.pause(*time).await?,
                Step::Finish => {
                    self.stream.shutdown().await?;
                    return Ok(Next::Close);
                }
                Step::Reset => {
                    socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?;
                    return Ok(Next::Close);
                }
            }
        }
        Ok(Next::Stay)
    }

    /// Waits; ends early with an error when the client is gone. A client that only ended its own half (FIN) is
    /// noted as having left, but is written to until that fails: it may be half-closed.
    async fn pause(&mut self, time: Duration) -> io::Result<()> {
        let end = tokio::time::sleep(time);
        tokio::pin!(end);
        loop {
            if self.left.is_some() {
                end.await;
                return Ok(());
            }
            tokio::select! {
                () = &mut end => return Ok(()),
                read = self.stream.read_buf(&mut self.buffer) => if read? == 0 {
                    self.note_left();
                },
            }
        }
    }

    /// Reads more into the buffer; false at the client's end.
    async fn read(&mut self) -> io::Result<bool> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(count) if count > 0 => Ok(true),
            end => {
                self.note_left();
                end.map(|_| false)
            }
        }
    }
}
