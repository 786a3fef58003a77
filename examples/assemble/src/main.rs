//! The smallest useful MQTT gateway: one thread, plain TCP, sessions in memory. Copy it and change what you need.
//!
//! `assemble mqtt ADDR` lets everybody in. `assemble lmq ADDR` has the product's rules, and lets in whoever signs with the
//! account in `LMQ_ACCESS_KEY` and `LMQ_SECRET_KEY`. This file decides that; `driver.rs` moves bytes.

mod driver;

use std::{env, error::Error};

use lmq_auth::{SecretKey, Username};
use lmq_broker::{AuthRequest, Profile};
use lmq_id::ClientIdRef;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["mqtt", addr] => driver::run(addr.parse()?, Profile::mqtt(), |_| true)?,
        ["lmq", addr] => {
            let access_key = env::var("LMQ_ACCESS_KEY")?;
            let secret_key: SecretKey = env::var("LMQ_SECRET_KEY")?.parse()?;
            // Every rule is a field: here any instance and any parent topic will do.
            let mut profile = Profile::lmq();
            (profile.instance_in_username, profile.parent_topics) = (false, false);
            let signed = move |request: &_| is_signed(request, &access_key, &secret_key);
            driver::run(addr.parse()?, profile, move |request| {
                signed(request).unwrap_or(false)
            })?
        }
        _ => return Err("usage: assemble mqtt|lmq ADDR".into()),
    }
    Ok(())
}

/// `None` where something is missing or malformed; from outside that looks like a wrong signature.
fn is_signed(request: &AuthRequest, access_key: &str, secret_key: &SecretKey) -> Option<bool> {
    let username = Username::parse(request.username.as_deref()?).ok()?;
    let client = ClientIdRef::try_from(&*request.client.client_id).ok()?;
    let password = request.password.as_ref()?.as_bytes();
    let verified = username.verify(secret_key, client, password).is_ok();
    Some(verified && username.access_key() == access_key)
}
