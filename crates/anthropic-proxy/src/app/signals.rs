//! What asks the program to end.

use std::future::Future;
use std::io;

/// Resolves at the first SIGTERM or SIGINT (Ctrl-C). A second one ends the process at once. Must be called within a tokio runtime.
///
/// # Errors
/// When the system refuses the signal handlers.
#[cfg(unix)]
pub(crate) fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Where files may not grow (`ulimit -f`), a write too much ends a program that does not listen. Once listened to, the write fails
    // instead, as on a full disk.
    drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
    Ok(async move {
        let first = tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
        };
        tracing::debug!(?first, "signal");
        tokio::spawn(async move {
            let second = tokio::select! {
                _ = terminate.recv() => SignalKind::terminate(),
                _ = interrupt.recv() => SignalKind::interrupt(),
            };
            std::process::exit(128 + second.as_raw_value());
        });
    })
}

/// Resolves at the first Ctrl-C. A second one ends the process at once.
///
/// # Errors
/// None here; as on Unix.
#[cfg(not(unix))]
pub(crate) fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // An error means that there will be no signal: then only the task manager ends us.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::spawn(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
    })
}
