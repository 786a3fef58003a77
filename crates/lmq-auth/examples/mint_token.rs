//! A token from its making to its end: the token server mints it, a gateway checks it, its owner revokes it.
//!
//! `cargo run -p lmq-auth --example mint_token [resource ...]`

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use lmq_auth::{Permissions, Revocations, TokenAuthority, TokenId, TokenKey, TokenPassword, TokenRequest};
use lmq_id::Access;

const ACCOUNT: &str = "LTAI4DummyAccessKeyId";
const INSTANCE: &str = "mqtt-cn-test0001";

fn main() -> Result<(), Box<dyn Error>> {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let resources: Vec<&str> =
        if named.is_empty() { vec!["room/#", "roomSend/#"] } else { named.iter().map(String::as_str).collect() };
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;

    // The token server. Its key is drawn once and shared with the gateways.
    let authority = TokenAuthority::new(TokenKey::new(1, &random::<32>()?)?);
    let request = TokenRequest {
        account: ACCOUNT,
        instance: INSTANCE,
        actions: Access::ReadWrite,
        resources: &resources,
        expires: now + 3_600_000,
    };
    let token = authority.mint(&request, TokenId::new(random()?), now)?;
    let password = format!("{}|{}", request.actions, token.expose());
    println!("user name  Token|{ACCOUNT}|{INSTANCE}\npassword   {password}");

    // A gateway: every token of the password has to be good, and each gives its rights.
    let mut revocations = Revocations::new(10_000);
    let mut rights = Permissions::nothing();
    for (slot, text) in TokenPassword::parse(password.as_bytes())?.iter() {
        let given = authority.check(text, slot, now, ACCOUNT, INSTANCE, &revocations)?;
        println!("good       {} until {} ms", given.term.id, given.term.expires);
        rights.set_token(slot, given.permissions)?;
    }
    for topic in ["room/message/1", "hall/1"] {
        match rights.publish(topic) {
            Ok(()) => println!("publish    {topic}: allowed"),
            Err(denial) => println!("publish    {topic}: code {}, {denial}", denial.code()),
        }
    }

    // Its owner, by the token server again.
    authority.revoke(token.expose(), now, ACCOUNT, None, &mut revocations)?;
    if let Err(denial) = authority.check(token.expose(), request.actions, now, ACCOUNT, INSTANCE, &revocations) {
        println!("revoked    code {}, {denial}; {} bytes to save", denial.code(), revocations.to_bytes().len());
    }
    Ok(())
}

/// Random bytes of the system.
fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
