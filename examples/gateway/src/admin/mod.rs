//! What operators do at run time: the token that lets them in, and `gateway admin`.

mod args;
mod client;
mod fields;
mod print;
mod run;
mod token;

use std::net::SocketAddr;

pub(crate) use self::{
    args::AdminArgs,
    run::run,
    token::{FILE as TOKEN_FILE, Token},
};

use crate::{
    config::{AdminToken, Config, Storage},
    error::Error,
    listen::{ListenerKind, is_loopback},
};

/// The listener that serves the admin API, if one may.
pub(crate) fn listener(
    config: &Config,
    listeners: &[(ListenerKind, SocketAddr)],
) -> Option<(ListenerKind, SocketAddr)> {
    let may = |addr: SocketAddr| config.admin.remote || is_loopback(addr);
    listeners.iter().copied().find(|(kind, addr)| kind.is_operators() && may(*addr))
}

/// The token as configured. `None`: nobody can use the admin API, or no listener serves it.
pub(crate) fn token(config: &Config, listeners: &[(ListenerKind, SocketAddr)]) -> Result<Option<Token>, Error> {
    match (&config.admin.token, &config.storage) {
        (AdminToken::Given(token), _) => Ok(Some(token.clone())),
        (AdminToken::File(path), _) => Token::read(path).map(Some),
        (AdminToken::OfData, Storage::Data(folder)) if listener(config, listeners).is_some() => {
            Token::of_folder(folder).map(Some)
        }
        (AdminToken::OfData, _) => Ok(None),
    }
}
