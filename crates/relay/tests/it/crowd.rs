//! Many clients at once on several threads: everybody gets his own answers, in order.

use std::fmt::Write;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Peer, Rig};

const CLIENTS: usize = 40;
const REQUESTS: usize = 25;

/// Answers each request with its target, in chunks or with a length.
async fn echo(stream: TcpStream) {
    let mut peer = Peer::new(stream);
    for n in 0.. {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match peer.stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap();
        let mut answer = "HTTP/1.1 200 OK\r\n".to_owned();
        if n % 2 == 0 {
            let _ = write!(answer, "Content-Length: {}\r\n\r\n{target}", target.len());
        } else {
            let _ = write!(
                answer,
                "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{target}\r\n0\r\n\r\n",
                target.len()
            );
        }
        if peer.stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if n % 10 == 9 {
            // Now and then a connection is closed after its answer, as servers do.
            return;
        }
    }
}

/// Sends requests one after another and checks that each answer is its own.
async fn visit(mut client: Peer, name: usize) {
    for n in 0..REQUESTS {
        let target = format!("/{name}/{n}");
        client.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await;
        let head = client.head().await;
        if head.starts_with("HTTP/1.1 502 ") {
            // The upstream closed a kept connection at the same moment; never sent twice, so this is the answer.
            let length = head.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap();
            client.stream.read_exact(&mut vec![0; length.parse().unwrap()]).await.unwrap();
        } else if head.contains("chunked") {
            client.expect(format!("{:x}\r\n{target}\r\n0\r\n\r\n", target.len())).await;
        } else {
            client.expect(&target).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_his_own_answers() {
    let rig = Rig::new().await;
    let mut clients = tokio::task::JoinSet::new();
    for name in 0..CLIENTS {
        clients.spawn(visit(rig.client().await, name));
    }
    loop {
        tokio::select! {
            upstream = rig.upstream() => {
                tokio::spawn(echo(upstream.stream));
            }
            done = clients.join_next() => match done {
                Some(done) => done.unwrap(),
                None => break,
            },
        }
    }
}
