//! A proxy on hyper's client and server that records nothing: what one gets without work of one's own.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tokio::net::TcpListener;

type Forward = Client<HttpConnector, Incoming>;

/// Forwards what comes to `port` to `upstream`, until the process is ended.
pub(crate) async fn serve(port: u16, upstream: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Forward = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let client = client.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| forward(client.clone(), request, upstream));
            // A client that leaves is no fault.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn forward(
    client: Forward,
    mut request: Request<Incoming>,
    upstream: SocketAddr,
) -> anyhow::Result<Response<Incoming>> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::from_maybe_shared(Bytes::from(format!("http://{upstream}{path}")))?;
    request.headers_mut().insert(HOST, HeaderValue::from_str(&upstream.to_string())?);
    Ok(client.request(request).await?)
}
