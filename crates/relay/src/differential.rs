//! Our parser against hyper's: what we accept, hyper accepts too, and finds the same messages in it.
//!
//! The other way round we differ on purpose. We refuse, and hyper accepts: a bare LF as line end, the same
//! `Content-Length` twice, `Transfer-Encoding` with a `Content-Length`, codings before `chunked`, whitespace after
//! chunk sizes, no or several `Host`, CONNECT. We accept, and hyper does not: targets with characters that its `Uri`
//! does not take; they are forwarded as they are.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::io::AsyncWriteExt;

use crate::fuzzing::Reader;
use crate::fuzzing::tests::odd_requests;

/// What hyper found: each request's method and target, and all their payload.
#[derive(Debug, Default)]
struct Found {
    heads: Vec<(String, String)>,
    payload: Vec<u8>,
    broken: bool,
}

struct Nothing;

impl Body for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

async fn note(
    mut request: Request<Incoming>,
    found: Arc<Mutex<Found>>,
) -> Result<Response<Nothing>, Infallible> {
    found.lock().unwrap().heads.push((request.method().to_string(), request.uri().to_string()));
    while let Some(frame) = poll_fn(|cx| Pin::new(request.body_mut()).poll_frame(cx)).await {
        match frame {
            Ok(frame) => found.lock().unwrap().payload.extend(frame.into_data().unwrap_or_default()),
            Err(_) => found.lock().unwrap().broken = true,
        }
    }
    Ok(Response::new(Nothing))
}

async fn ask_hyper(bytes: &[u8]) -> Found {
    let (mut ours, theirs) = tokio::io::duplex(1 << 20);
    ours.write_all(bytes).await.unwrap();
    ours.shutdown().await.unwrap();
    let found = Arc::new(Mutex::new(Found::default()));
    let service = service_fn(|request| note(request, Arc::clone(&found)));
    let served = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(theirs), service)
        .await;
    drop(ours);
    let mut found = std::mem::take(&mut *found.lock().unwrap());
    found.broken |= served.is_err();
    found
}

fn check(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let mut reader = Reader::default();
    reader.feed(bytes);
    let accepted = reader.accepted_all();
    let ours = reader.found;
    // hyper serves a client that says it will close only once; we leave that to the exchange.
    let said = |word: &[u8]| memchr::memmem::find(bytes, word).is_some();
    let closes = said(b"onnection:") || said(b"HTTP/1.0");
    // Targets are compared as `Uri` reads them: it leaves out fragments and writes schemes in small letters.
    let as_uri = |(method, target): &(String, Vec<u8>)| {
        http::Uri::try_from(&target[..]).map(|uri| (method.clone(), uri.to_string()))
    };
    let Ok(heads) = ours.heads.iter().map(as_uri).collect::<Result<Vec<_>, _>>() else { return Ok(false) };
    if !accepted || (closes && heads.len() > 1) {
        return Ok(false);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let theirs = runtime.block_on(ask_hyper(bytes));
    prop_assert!(!theirs.broken, "hyper refuses what we accept");
    prop_assert_eq!(heads, theirs.heads);
    prop_assert_eq!(ours.payload, theirs.payload);
    Ok(true)
}

#[test]
fn what_we_accept_hyper_reads_the_same() {
    let config = ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() };
    let compared = Cell::new(0);
    TestRunner::new(config)
        .run(&odd_requests(), |data| {
            compared.set(compared.get() + u32::from(check(&data[8..])?));
            Ok(())
        })
        .unwrap();
    // Many inputs are refused; without enough accepted ones this would prove nothing.
    assert!(compared.get() > 1000, "only {} inputs were compared", compared.get());
}

#[test]
fn the_comparison_compares() {
    let whole = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nt: 1\r\n\r\n\
                  PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nokGET /c HTTP/1.1\r\nHost: h\r\n\r\n";
    assert!(check(whole).unwrap());
}
