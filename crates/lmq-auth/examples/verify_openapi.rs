//! What a gateway does with a request of the OpenAPI: read it, look the key up, verify, let it through once.
//!
//! `cargo run -p lmq-auth --example verify_openapi` shows three answers: to a request, to its repetition, and to a changed copy.

use std::error::Error;

use lmq_auth::SecretKey;
use lmq_auth::request::{
    NonceLimits, NonceWindow, OpenApiCall, OpenApiError, OpenApiRequest, OutgoingCall, RequestParts,
};

const NOW_MS: u64 = 1_795_187_110_000;

struct Gateway {
    access_key: &'static str,
    key: SecretKey,
    nonces: NonceWindow,
}

impl Gateway {
    fn accept(&mut self, parts: &RequestParts<'_>, now_ms: u64) -> Result<OpenApiCall, OpenApiError> {
        let request = OpenApiRequest::parse(parts, now_ms)?;
        if request.access_key_id() != self.access_key {
            return Err(OpenApiError::AccessKeyNotFound);
        }
        request.verify(&self.key)?.admit(&mut self.nonces, now_ms)
    }

    fn answer(&mut self, parts: &RequestParts<'_>, now_ms: u64) -> String {
        match self.accept(parts, now_ms) {
            Ok(call) => format!("200 {} with {:?}", call.action(), call.parameters().iter().collect::<Vec<_>>()),
            Err(error) => format!("{} {}: {error}", error.http_status(), error.code()),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let key: SecretKey = "DummyAccessKeySecret0123456789".parse()?;
    let nonces = NonceWindow::new(NonceLimits::default());
    let mut gateway = Gateway { access_key: "LTAI4DummyAccessKeyId", key: key.clone(), nonces };

    let call = OutgoingCall {
        method: "GET",
        action: "QuerySessionByClientId",
        version: "2020-04-20",
        nonce: "784b9206a44c92fdf17de6ba3df6485b",
        now_ms: NOW_MS,
        parameters: &[("InstanceId", "mqtt-cn-test0001"), ("ClientId", "GID_Test@@@0001")],
    };
    let query = call.sign_rpc("LTAI4DummyAccessKeyId", &key)?.to_encoded();
    let parts = RequestParts { method: "GET", path: "/", query: &query, headers: &[], body: b"" };
    println!("{}\n", gateway.answer(&parts, NOW_MS));
    println!("{}\n", gateway.answer(&parts, NOW_MS + 1000));
    let changed = query.replace("0001", "0002");
    println!("{}", gateway.answer(&RequestParts { query: &changed, ..parts }, NOW_MS));
    Ok(())
}
