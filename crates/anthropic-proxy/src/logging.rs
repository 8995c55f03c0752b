//! The log: to standard error, without ever making the traffic wait for it.

use crate::config::LogLevel;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::LevelFilter;

/// Starts the log. What is queued is written when the guard is dropped.
pub(crate) fn start(level: LogLevel) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let level = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    // A second start in one process (tests) keeps the first log.
    let _ = tracing_subscriber::fmt().with_writer(writer).with_max_level(level).with_target(false).try_init();
    guard
}
