//! One read buffer a thread, so that a connection that waits needs none of its own.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Bytes that one read can take.
pub(crate) const SIZE: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Reads once and lends what was read, at most `limit` bytes, to `then`; nothing read means the end of the stream.
pub(crate) fn poll_read<R>(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    limit: usize,
    then: impl FnOnce(&mut Context<'_>, &[u8]) -> R,
) -> Poll<io::Result<R>>
where
{
    // Taken out while in use: whoever reads meanwhile on this thread gets a fresh one.
    let mut buffer = BUFFER.take();
    buffer.resize(SIZE, 0);
    let limit = limit.clamp(1, SIZE);
    let mut target = ReadBuf::new(&mut buffer[..limit]);
    let read = Pin::new(stream).poll_read(cx, &mut target);
    let result = read.map_ok(|()| then(cx, target.filled()));
    BUFFER.set(buffer);
    Poll::Ready(ready!(result))
}
