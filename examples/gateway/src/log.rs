//! Logs go to stderr, one event a line. Secrets never do: the types that hold them do not print them.
//!
//! A thread of its own writes them: a stderr that nobody reads must not stop messages. Where it cannot keep up, lines are dropped.

use std::io::{self, IsTerminal};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

use crate::config::{Log, LogFormat};

/// Lines that wait to be written; at about 200 bytes each.
const LINES_MAX: usize = 16 * 1024;

/// Starts logging for the whole process. What waits is written when the guard is dropped.
pub(crate) fn start(log: Log) -> WorkerGuard {
    let (writer, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_MAX).finish(io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_max_level(log.level)
        .with_writer(writer)
        .with_ansi(log.format == LogFormat::Text && io::stderr().is_terminal())
        // A closed stderr is no reason to stop serving.
        .log_internal_errors(false);
    // `try_init` fails if logging runs already, which is what is wanted.
    drop(match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    });
    guard
}
