//! The smallest useful MQTT gateway: one thread, plain TCP, everything in memory. Copy it and change what you need.
//!
//! `assemble mqtt 127.0.0.1:1883` lets everybody in. `assemble lmq 127.0.0.1:1883 INSTANCE ACCESS_KEY PARENT_TOPIC..` has the
//! product's rules, and checks signatures with the secret key in `LMQ_SECRET_KEY`.
//! This file says what is served and who may come in; `driver.rs` moves bytes between sockets and machines.

mod driver;

use std::{env, error::Error, process::ExitCode, sync::Arc};

use lmq_auth::{Permissions, SecretKey, Username};
use lmq_broker::{AuthRequest, Grant, Instance, Profile, Refusal, Settings, Verdict};
use lmq_id::ClientIdRef;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let Err(error) = serve(&args);
    eprintln!("assemble: {error}");
    ExitCode::from(2)
}

fn serve(args: &[&str]) -> Result<std::convert::Infallible, Box<dyn Error>> {
    let (addr, settings, door) = match args {
        ["mqtt", addr] => (addr, Settings::new(Profile::mqtt(), 1), Door::Open),
        ["lmq", addr, instance, access_key, parents @ ..] => {
            let mut parent_topics: Vec<Box<str>> = parents.iter().map(|&topic| topic.into()).collect();
            parent_topics.sort();
            let instances = vec![Instance { name: (*instance).into(), parent_topics }];
            let secret_key = env::var("LMQ_SECRET_KEY").map_err(|_| "LMQ_SECRET_KEY is not set")?.parse()?;
            let settings = Settings { instances, ..Settings::new(Profile::lmq(), 1) };
            (addr, settings, Door::Signed { access_key: (*access_key).into(), secret_key })
        }
        _ => return Err("usage: assemble mqtt ADDR | assemble lmq ADDR INSTANCE ACCESS_KEY PARENT_TOPIC..".into()),
    };
    let driver = driver::Driver::new(addr.parse()?, Arc::new(settings), door)?;
    println!("listening on {}", driver.local_addr()?);
    Ok(driver.run()?)
}

/// Who may come in.
enum Door {
    Open,
    Signed { access_key: String, secret_key: SecretKey },
}

impl Door {
    /// The broker has checked the form of the client id, and that the instance exists. Both failures look the same from outside.
    fn decide(&self, request: &AuthRequest) -> Verdict {
        let known = match self {
            Self::Open => true,
            Self::Signed { access_key, secret_key } => signed(request, access_key, secret_key).unwrap_or(false),
        };
        if known { Verdict::Allow(Grant { permissions: Permissions::everything() }) } else { Verdict::Deny(Refusal::Credentials) }
    }
}

/// `None` where something is missing or malformed.
fn signed(request: &AuthRequest, access_key: &str, secret_key: &SecretKey) -> Option<bool> {
    let username = Username::parse(request.username.as_deref()?).ok()?;
    let client = ClientIdRef::try_from(&*request.client.client_id).ok()?;
    let verified = username.verify(secret_key, client, request.password.as_ref()?.as_bytes()).is_ok();
    Some(verified && username.access_key() == access_key)
}
