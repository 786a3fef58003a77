//! Application servers: signed requests, and the answers.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lmq_auth::{
    SecretKey,
    request::{OutgoingCall, TokenApply, TokenRevoke},
};
use lmq_id::Access;
use serde_json::Value;

use super::{Gateway, Place};

pub(crate) const INSTANCE: &str = "mqtt-cn-test0001";
pub(crate) const OTHER_INSTANCE: &str = "mqtt-cn-other001";
pub(crate) const ACCESS_KEY: &str = "LTAI4DummyAccessKeyId";
pub(crate) const SECRET_KEY: &str = "DummyAccessKeySecret0123456789";
pub(crate) const OTHER_KEY: &str = "LTAI4OtherAccessKeyId";
pub(crate) const OTHER_SECRET: &str = "OtherAccessKeySecret0123456789";

const CONFIG: &str = "\
[[instance]]
id = \"mqtt-cn-test0001\"
topics = [\"TopicA\", \"TopicB\"]
[[instance.account]]
access-key = \"LTAI4DummyAccessKeyId\"
secret-key = \"DummyAccessKeySecret0123456789\"
groups = [\"GID_Test\"]
[[instance.account]]
access-key = \"LTAI4OtherAccessKeyId\"
secret-key = \"OtherAccessKeySecret0123456789\"
groups = [\"GID_Other\"]
[[instance]]
id = \"mqtt-cn-other001\"
topics = [\"TopicA\"]
[[instance.account]]
access-key = \"LTAI4OtherAccessKeyId\"
secret-key = \"OtherAccessKeySecret0123456789\"
groups = [\"GID_Other\"]
";

/// A gateway with two instances and two accounts; its services are on `http` and `ws`.
pub(crate) fn start(place: &Place) -> Gateway {
    start_with(place, CONFIG)
}

/// The same, whose first instance awaits tokens of clients without credentials.
pub(crate) fn start_awaiting(place: &Place) -> Gateway {
    start_with(place, &CONFIG.replacen("topics", "awaits-tokens = true\ntopics", 1))
}

fn start_with(place: &Place, config: &str) -> Gateway {
    place.file("gateway.toml", config);
    let ports = ["--mqtt", "127.0.0.1:0", "--ws", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    place.start(["--config", "gateway.toml", "--threads", "2"].iter().chain(&ports))
}

/// Who signs, and where to.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) addr: SocketAddr,
    pub(crate) access_key: &'static str,
    pub(crate) secret_key: &'static str,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["Code"].as_str().unwrap_or_else(|| panic!("{}", self.body)).to_owned()
    }
}

impl Account {
    pub(crate) fn first(addr: SocketAddr) -> Self {
        Self { addr, access_key: ACCESS_KEY, secret_key: SECRET_KEY }
    }

    pub(crate) fn other(addr: SocketAddr) -> Self {
        Self { addr, access_key: OTHER_KEY, secret_key: OTHER_SECRET }
    }

    pub(crate) fn key(&self) -> SecretKey {
        self.secret_key.parse().unwrap()
    }

    /// A call with RPC signature 1.0, everything in the query.
    pub(crate) fn rpc(&self, method: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let query = self.rpc_query(method, action, parameters);
        send(
            self.addr,
            &format!("{method} /?{query} HTTP/1.1\r\nHost: gw\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        )
    }

    pub(crate) fn rpc_query(&self, method: &str, action: &str, parameters: &[(&str, &str)]) -> String {
        let nonce = nonce();
        let version = "2020-04-20";
        let call = OutgoingCall { method, action, version, nonce: &nonce, now_ms: now_ms(), parameters };
        call.sign_rpc(self.access_key, &self.key()).unwrap().to_encoded()
    }

    /// The same in a form.
    pub(crate) fn form(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let form = self.rpc_query("POST", action, parameters);
        post_form(self.addr, "/", &form)
    }

    /// A call with ACS3.
    pub(crate) fn acs3(&self, method: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let nonce = nonce();
        let version = "2020-04-20";
        let call = OutgoingCall { method, action, version, nonce: &nonce, now_ms: now_ms(), parameters };
        let signed = call.sign_acs3("gw", self.access_key, &self.key()).unwrap();
        let headers: String = signed.headers().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let query = signed.query();
        send(
            self.addr,
            &format!("{method} /?{query} HTTP/1.1\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"),
        )
    }

    /// The form of `/token/apply`.
    pub(crate) fn application(&self, resources: &[&str]) -> Vec<(&'static str, String)> {
        let apply = TokenApply::new(Access::ReadWrite, resources.iter().copied(), now_ms() + 3_600_000).unwrap();
        apply.for_instance(INSTANCE.parse().unwrap()).sign(self.access_key, &self.key())
    }

    /// A token of the first instance for an hour, from the token server.
    #[track_caller]
    pub(crate) fn token(&self, actions: Access, resources: &[&str]) -> String {
        self.token_at(INSTANCE, actions, resources, now_ms() + 3_600_000)
    }

    #[track_caller]
    pub(crate) fn token_at(&self, instance: &str, actions: Access, resources: &[&str], expires: u64) -> String {
        let apply = TokenApply::new(actions, resources.iter().copied(), expires).unwrap();
        let form = apply.for_instance(instance.parse().unwrap()).sign(self.access_key, &self.key());
        let answer = post_form(self.addr, "/token/apply", &encoded(&form)).json();
        assert_eq!(answer["code"], 200, "{answer}");
        answer["tokenData"].as_str().unwrap().to_owned()
    }

    /// `/token/revoke`.
    #[track_caller]
    pub(crate) fn revoke(&self, token: &str) {
        let form = TokenRevoke::new(token).unwrap().sign(self.access_key, &self.key());
        assert_eq!(post_form(self.addr, "/token/revoke", &encoded(&form)).json()["code"], 200);
    }
}

/// Percent-encoded, with `&` between.
pub(crate) fn encoded<V: AsRef<str>>(pairs: &[(&str, V)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| (*key, value.as_ref())).collect();
    lmq_auth::request::Pairs::from_list(&pairs).unwrap().to_encoded()
}

pub(crate) fn post_form(addr: SocketAddr, path: &str, form: &str) -> Answer {
    post(addr, path, "application/x-www-form-urlencoded", form.as_bytes())
}

pub(crate) fn post(addr: SocketAddr, path: &str, kind: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: gw\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    exchange(addr, &[head.as_bytes(), body].concat())
}

pub(crate) fn send(addr: SocketAddr, request: &str) -> Answer {
    exchange(addr, request.as_bytes())
}

pub(crate) fn exchange(addr: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // A server that refuses the head may not wait for the body.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn nonce() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
