//! An MQTT gateway in one process: MQTT over TCP, TLS and WebSocket, and HTTP for operators.

#![warn(clippy::unwrap_used)]

mod admin;
mod authenticate;
mod banner;
mod cert;
mod check;
mod cli;
mod clock;
mod config;
mod demo;
mod error;
mod files;
mod http;
mod listen;
mod log;
mod net;
mod random;
mod registry;
mod serve;
mod settings;
mod sign;
mod store;
mod tls;
mod token;
mod tokens;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, error::ErrorKind};

use crate::{
    cli::{Cli, Command},
    error::Error,
};

/// What was asked for cannot be done as asked: wrong flags, an unreadable file, a port in use.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let result = match cli.command {
        None => serve::run(&cli.serve).map_err(|e| vec![e]),
        Some(Command::Serve(args)) => serve::run(&args).map_err(|e| vec![e]),
        Some(Command::Token(args)) => token::run(&args).map_err(|e| vec![e]).and_then(print),
        Some(Command::Sign(args)) => sign::run(&args).map_err(|e| vec![e]).and_then(print),
        Some(Command::Admin(args)) => admin::run(&args).map_err(|e| vec![e]).and_then(print),
        Some(Command::Check(args)) => check::run(&args).and_then(print),
        Some(Command::Store(command)) => store::command::run(&command).and_then(print),
        Some(Command::Cert(args)) => cert::run(&args).map_err(|e| vec![e]).and_then(print),
    };
    match result {
        Ok(code) => code,
        Err(errors) => {
            for error in errors {
                complain(&error.to_string());
            }
            ExitCode::from(REFUSED)
        }
    }
}

fn print(text: String) -> Result<ExitCode, Vec<Error>> {
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|e| vec![Error::io("cannot write to standard output", &e)])?;
    Ok(ExitCode::SUCCESS)
}

/// Help and version as they are; an error as one line.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        drop(error.print());
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = first.trim_start_matches("error: ").split_whitespace().collect();
    complain(&format!("{}; `gateway --help` shows what there is", words.join(" ")));
    ExitCode::from(REFUSED)
}

fn complain(text: &str) {
    // Where stderr is closed there is nobody to tell.
    drop(writeln!(io::stderr(), "gateway: {text}"));
}
