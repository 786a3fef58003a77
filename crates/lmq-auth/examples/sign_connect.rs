//! What a client puts into its CONNECT, and how a gateway checks it, for both editions of the signature.
//!
//! `cargo run -p lmq-auth --example sign_connect [access key] [secret key] [instance] [client id]`

use std::error::Error;

use lmq_auth::{Credentials, Holder, SecretKey, Signature};
use lmq_id::ClientId;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut next = |default: &str| args.next().unwrap_or_else(|| default.to_owned());
    let access_key = next("LTAI4DummyAccessKeyId");
    let key: SecretKey = next("DummyAccessKeySecret0123456789").parse()?;
    let instance = next("mqtt-cn-test0001");
    let client: ClientId = next("GID_Test@@@0001").parse()?;

    println!("client id  {client}");
    for (edition, username, signature) in [
        ("2019 on", format!("Signature|{access_key}|{instance}"), Signature::sign(&key, &client)),
        ("2018", access_key.clone(), Signature::sign_legacy(&key, &client)),
    ] {
        let password = signature.to_base64();
        println!("\n{edition}\nuser name  {username}\npassword   {password}");

        // The gateway: the shape of the user name decides; the key is what it finds under the name.
        let proof = match Credentials::parse(Some(&username), Some(password.as_bytes()))? {
            Credentials::Signature(signed) => format!("{:?}", signed.verify(Some(&key), &client)?),
            Credentials::Bare(bare) => format!("{:?}", bare.verify(Holder::Account(&key), &client)?),
            other => format!("{other:?}: not a signature"),
        };
        println!("checked    {proof}");
    }
    Ok(())
}
