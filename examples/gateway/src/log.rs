//! Logs go to stderr, one event a line. Secrets never do: the types that hold them do not print them.

use std::io::{self, IsTerminal};

use crate::config::{Log, LogFormat};

/// Starts logging for the whole process.
pub(crate) fn start(log: Log) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(log.level)
        .with_writer(io::stderr)
        .with_ansi(log.format == LogFormat::Text && io::stderr().is_terminal())
        // A closed stderr is no reason to stop serving.
        .log_internal_errors(false);
    // `try_init` fails if logging runs already, which is what is wanted.
    drop(match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    });
}
