//! The end of the server.

use std::time::Duration;

use relay::End;

use crate::rig::{GET, Plan, Rig};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn closes_idle_connections_and_lets_exchanges_finish() {
    let mut rig = Rig::new().await;
    let mut silent = rig.client().await;
    let mut idle = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(OK).await;
    idle.expect(OK).await;
    rig.ended().await;

    let mut busy = rig.client_sends(GET).await;
    upstream.head().await;
    rig.stop();
    silent.expect_end().await;
    idle.expect_end().await;
    upstream.send(OK).await;
    busy.expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
    busy.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::Complete));
    drop(busy);
    let address = rig.address;
    let report = rig.report().await;
    assert_eq!((report.accepted, report.cut), (3, 0));
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn cuts_what_does_not_finish_in_time() {
    let mut rig = Rig::with(Plan { grace: Some(Duration::from_millis(50)), ..Plan::default() }).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\n\r\nabc").await;
    client.expect("HTTP/1.1 200 OK\r\n\r\nabc").await;
    rig.stop();
    client.expect_reset().await;
    assert!(matches!(rig.ended().await.end, End::Shutdown));
    assert_eq!(rig.report().await.cut, 1);
}
