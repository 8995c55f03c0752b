//! The simulator as a server: its accept loop, what its connections share, and the handle tests hold.

mod body;
mod connection;
mod control;
mod head;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::api::Api;
use crate::received::Remembered;
use crate::{Options, Received, Script};

/// A running simulator. Dropping it, or [`Simulator::stop`], ends it and its connections.
#[derive(Debug)]
pub struct Simulator {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    api: Api,
    scripts: Mutex<VecDeque<Script>>,
    received: Mutex<Remembered>,
    /// Counts changes of `received`, for those who wait for one.
    changes: watch::Sender<u64>,
    requests: AtomicU64,
}

impl Simulator {
    /// Binds `options.addr` and spawns the accept loop on the current tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let wanted = options.addr.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let listener = TcpListener::bind(wanted).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            scripts: Mutex::default(),
            received: Mutex::new(Remembered::new(options.remember, options.remember_bytes)),
            changes: watch::Sender::new(0),
            requests: AtomicU64::new(0),
            api: Api::new(options, addr),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { addr, shared, accepting })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Queues a reply: the next request it fits gets it.
    pub fn script(&self, reply: Script) {
        self.shared.queue(reply);
    }

    /// The requests seen so far, oldest first; one is listed as soon as its head is there.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).all()
    }

    /// Waits until `condition` holds for what was received, then returns it.
    pub async fn received_when(&self, condition: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let mut changes = self.shared.changes.subscribe();
        loop {
            let received = self.received();
            // The sender lives as long as `self`, so waiting for it cannot fail.
            if condition(&received) || changes.changed().await.is_err() {
                return received;
            }
        }
    }

    /// Forgets queued scripts, received requests, caches, batches, files and counted faults.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Ends the simulator: no new connections, the open ones are closed.
    pub async fn stop(self) {
        self.accepting.abort();
        while !self.accepting.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn queue(&self, script: Script) {
        lock(&self.scripts).push_back(script);
    }

    /// The first queued script that fits the request; counts as one use of it.
    fn next_script(&self, method: &str, path: &str) -> Option<Script> {
        let mut scripts = lock(&self.scripts);
        scripts.retain(|script| !script.is_used_up());
        let at = scripts.iter().position(|script| script.fits(method, path))?;
        let found = scripts.get(at).cloned();
        if let Some(script) = scripts.get_mut(at)
            && !script.use_up()
        {
            scripts.remove(at);
        }
        found
    }

    fn remember(&self, received: Received) {
        lock(&self.received).push(received);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Changes what is remembered of request `id`; 0 is none.
    fn update(&self, id: u64, change: impl FnOnce(&mut Received)) {
        if id == 0 {
            return;
        }
        lock(&self.received).update(id, change);
        self.changes.send_modify(|count| *count += 1);
    }

    fn next_request_id(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn reset(&self) {
        lock(&self.scripts).clear();
        lock(&self.received).clear();
        self.api.reset();
    }
}

/// Locks, also after a panic of another holder: the simulator's state is only ever replaced whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    count += 1;
                    connections.spawn(connection::serve(stream, count, Arc::clone(&shared)));
                }
                // Out of file descriptors, or a client gone before it was accepted: the next may do.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
