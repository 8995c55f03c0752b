//! Whole exchanges through real sockets: for any payload, framing and split of the bytes, what arrives is what was
//! sent, and the tap saw the payload.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use relay::End;

use crate::rig::{Peer, Rig};

#[derive(Debug, Clone)]
struct Message {
    payload: Vec<u8>,
    /// The body as it is sent, and how its head says so.
    framing: &'static str,
    body: Vec<u8>,
    /// Lengths of the pieces in which the message is written, over and over.
    pieces: Vec<usize>,
}

fn message() -> impl Strategy<Value = Message> {
    let size = prop_oneof![0..50_usize, 0..5000_usize, 60_000..200_000_usize];
    let payload = size.prop_flat_map(|size| proptest::collection::vec(any::<u8>(), size));
    let pieces = proptest::collection::vec(prop_oneof![1..50_usize, 1000..100_000_usize], 1..6);
    let chunks = proptest::option::of(prop_oneof![1..20_usize, 1000..70_000_usize]);
    (payload, chunks, pieces).prop_map(|(payload, chunk, pieces)| match chunk {
        None => Message { framing: "Content-Length", body: payload.clone(), payload, pieces },
        Some(size) => {
            let mut body = Vec::new();
            for chunk in payload.chunks(size) {
                body.extend_from_slice(format!("{:x};n=\"v\"\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"0\r\nT: 1\r\n\r\n");
            Message { framing: "Transfer-Encoding", body, payload, pieces }
        }
    })
}

impl Message {
    fn bytes(&self, first_line: &str) -> Vec<u8> {
        let value =
            if self.framing == "Content-Length" { self.body.len().to_string() } else { "chunked".to_owned() };
        [format!("{first_line}\r\nHost: h\r\n{}: {value}\r\n\r\n", self.framing).as_bytes(), &self.body]
            .concat()
    }

    async fn send(&self, mut bytes: &[u8], to: &mut Peer) {
        // Small pieces for the start and the end, where the framing is; the rest at once.
        for length in self.pieces.iter().cycle().take(100) {
            let (piece, rest) = bytes.split_at(bytes.len().min(*length));
            to.send(piece).await;
            tokio::task::yield_now().await;
            bytes = rest;
        }
        to.send(bytes).await;
    }
}

async fn check(requests: &[(Message, Message)]) {
    let mut rig = Rig::new().await;
    let mut client = rig.client().await;
    let mut upstream = None;
    for (request, response) in requests {
        let sent = request.bytes("POST /x HTTP/1.1");
        let answered = response.bytes("HTTP/1.1 200 OK");
        // In turn: first the request, then the answer; both at once is what `flat_memory` does.
        let upload = request.send(&sent, &mut client);
        let arrival = async {
            if upstream.is_none() {
                upstream = Some(rig.upstream().await);
            }
            upstream.as_mut().unwrap().expect(&sent).await;
        };
        tokio::join!(upload, arrival);
        let Some(upstream) = upstream.as_mut() else { unreachable!() };
        tokio::join!(response.send(&answered, upstream), client.expect(&answered));
        let exchange = rig.ended().await;
        assert!(matches!(exchange.end, End::Complete));
        assert!(exchange.request_body() == request.payload, "the tap saw another request");
        assert!(exchange.response_body() == response.payload, "the tap saw another response");
    }
}

#[test]
fn what_arrives_is_what_was_sent_however_it_is_split() {
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let exchanges = proptest::collection::vec((message(), message()), 1..4);
    TestRunner::new(config)
        .run(&exchanges, |exchanges| {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(check(&exchanges));
            Ok(())
        })
        .unwrap();
}
