//! An app server asks for a token, first at the token server, then at the OpenAPI: what it has to send.
//!
//! `cargo run -p lmq-auth --example sign_request`

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use lmq_auth::SecretKey;
use lmq_auth::request::{OutgoingCall, Pairs, TokenApply};
use lmq_id::Access;

fn main() -> Result<(), Box<dyn Error>> {
    let access_key = "LTAI4DummyAccessKeyId";
    let key: SecretKey = "DummyAccessKeySecret0123456789".parse()?;
    let now_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let in_an_hour_ms = now_ms + 3_600_000;

    let apply = TokenApply::new(Access::ReadWrite, ["room/#", "roomSend/#"], in_an_hour_ms)?;
    let form = apply.for_instance("mqtt-cn-test0001".parse()?).sign(access_key, &key);
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    println!("POST /token/apply\n{}\n", Pairs::from_list(&form)?.to_encoded());

    let call = OutgoingCall {
        method: "POST",
        action: "ApplyToken",
        version: "2020-04-20",
        // Of this process, this moment: enough for one request. A server takes random bits.
        nonce: &format!("{}-{now_ms}", std::process::id()),
        now_ms,
        parameters: &[
            ("InstanceId", "mqtt-cn-test0001"),
            ("Resources", "room/#,roomSend/#"),
            ("Actions", "R,W"),
            ("ExpireTime", &in_an_hour_ms.to_string()),
        ],
    };
    println!("POST /?{}\n", call.sign_rpc(access_key, &key)?.to_encoded());

    let signed = call.sign_acs3("onsmqtt.cn-hangzhou.aliyuncs.com", access_key, &key)?;
    println!("POST /?{}", signed.query());
    signed.headers().for_each(|(name, value)| println!("{name}: {value}"));
    Ok(())
}
