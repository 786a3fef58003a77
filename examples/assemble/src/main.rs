//! The smallest useful MQTT gateway: `assemble mqtt ADDR` lets everybody in; `assemble lmq ADDR` has the product's rules and
//! lets in whoever signs with the account in `LMQ_ACCESS_KEY` and `LMQ_SECRET_KEY`. Copy it, and change what you need.

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
            // Every rule is a field: here any instance and any parent topic will do.
            let mut profile = Profile::lmq();
            (profile.instance_in_username, profile.parent_topics) = (false, false);
            let (key, secret) = (
                env::var("LMQ_ACCESS_KEY")?,
                env::var("LMQ_SECRET_KEY")?.parse()?,
            );
            driver::run(addr.parse()?, profile, |request| {
                is_signed(request, &key, &secret) == Some(true)
            })?;
        }
        _ => return Err("usage: assemble mqtt|lmq ADDR".into()),
    }
    Ok(())
}

/// `None` where something is missing or malformed: to the client that looks like a wrong signature.
fn is_signed(request: &AuthRequest, access_key: &str, secret: &SecretKey) -> Option<bool> {
    let username = Username::parse(request.username.as_deref()?).ok()?;
    let client = ClientIdRef::try_from(&*request.client.client_id).ok()?;
    let verified = username
        .verify(secret, client, request.password.as_ref()?.as_bytes())
        .is_ok();
    Some(verified && username.access_key() == access_key)
}
