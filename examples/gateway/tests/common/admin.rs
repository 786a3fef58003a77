//! The admin API, and MQTT clients to see what it does.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use lmq_auth::{SecretKey, Signature};
use serde_json::{Value, json};

use super::{Gateway, Place, mqtt_connect, mqtt_publish};

/// What `gateway` needs to listen for MQTT and HTTP.
pub(crate) const PORTS: [&str; 4] = ["--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"];

/// An operator with a token.
pub(crate) struct Admin {
    pub(crate) http: SocketAddr,
    pub(crate) mqtt: SocketAddr,
    token: String,
}

impl Admin {
    /// With the token of the data directory.
    pub(crate) fn of(place: &Place, gateway: &Gateway) -> Self {
        let token = fs::read_to_string(place.path().join("lmq-data/admin-token")).unwrap();
        Self::with_token(gateway, token.trim_end())
    }

    pub(crate) fn with_token(gateway: &Gateway, token: &str) -> Self {
        Self { http: gateway.addr("http"), mqtt: gateway.addr("mqtt"), token: token.to_owned() }
    }

    /// The status and the body of an answer.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", self.token);
        let (status, text) = self.raw(method, path, &head, body.as_bytes());
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// The status and the body of an answer to any request.
    pub(crate) fn raw(&self, method: &str, path: &str, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let length = body.len();
        let head = format!(
            "{method} /admin/v1{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses the head may not wait for the body.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", path, &body);
        assert_eq!(status, 201, "{answer}");
        answer
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    #[track_caller]
    pub(crate) fn patch(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("PATCH", path, &body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) {
        let (status, answer) = self.call("DELETE", path, &Value::Null);
        assert_eq!(status, 204, "{answer}");
    }

    #[track_caller]
    pub(crate) fn refused(&self, method: &str, path: &str, body: Value, expected: (u16, &str)) {
        let (status, answer) = self.call(method, path, &body);
        assert_eq!((status, answer["error"].as_str().unwrap_or_default()), expected, "{answer}");
    }

    /// An instance with an account, a key, the group `GID_one` and the topic `TopicA`; the secret of the key.
    pub(crate) fn tenant(&self, id: &str, access_key: &str) -> String {
        self.post("/instances", json!({ "instance": id }));
        self.post(&format!("/instances/{id}/accounts"), json!({ "account": "acc" }));
        let key = json!({ "access_key": access_key, "account": "acc" });
        let key = self.post(&format!("/instances/{id}/keys"), key);
        self.post(&format!("/instances/{id}/groups"), json!({ "group": "GID_one", "account": "acc" }));
        self.post(&format!("/instances/{id}/topics"), json!({ "topic": "TopicA" }));
        key["secret_key"].as_str().unwrap().to_owned()
    }

    /// A connection and the return code of its CONNECT.
    pub(crate) fn connect(&self, instance: &str, access_key: &str, secret: &str, client_id: &str) -> (Client, u8) {
        let username = format!("Signature|{access_key}|{instance}");
        let secret: SecretKey = secret.parse().unwrap();
        let password = Signature::of_text(&secret, client_id).to_base64();
        let (stream, code) = mqtt_connect(self.mqtt, client_id, Some((&username, &password)));
        (Client(stream), code)
    }

    /// A connection without user name and the return code of its CONNECT.
    pub(crate) fn anonymous(&self, client_id: &str) -> (Client, u8) {
        let (stream, code) = mqtt_connect(self.mqtt, client_id, None);
        (Client(stream), code)
    }

    /// A client that comes in.
    #[track_caller]
    pub(crate) fn client(&self, instance: &str, access_key: &str, secret: &str, client_id: &str) -> Client {
        let (client, code) = self.connect(instance, access_key, secret, client_id);
        assert_eq!(code, 0);
        client
    }
}

/// A connected client.
pub(crate) struct Client(TcpStream);

impl Client {
    /// The code in SUBACK, or `None` if the connection is closed instead.
    pub(crate) fn subscribe(&mut self, filter: &str) -> Option<u8> {
        let mut packet = vec![0x82, 5 + filter.len() as u8, 0, 1, 0, filter.len() as u8];
        packet.extend_from_slice(filter.as_bytes());
        packet.push(0);
        self.0.write_all(&packet).unwrap();
        let mut answer = [0; 5];
        self.0.read_exact(&mut answer).ok()?;
        assert_eq!(answer[..4], [0x90, 3, 0, 1]);
        Some(answer[4])
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &str) {
        self.0.write_all(&mqtt_publish(topic, payload.as_bytes())).unwrap();
    }

    /// The topic and the payload of the next message of QoS 0.
    pub(crate) fn message(&mut self) -> (String, String) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 0x30);
        let mut body = vec![0; head[1] as usize];
        self.0.read_exact(&mut body).unwrap();
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&body[2..2 + length]), text(&body[2 + length..]))
    }

    /// Waits for the gateway to close the connection.
    #[track_caller]
    pub(crate) fn closed(&mut self) {
        assert!(matches!(self.0.read(&mut [0; 16]), Ok(0)), "the connection is open");
    }

    /// Whether the connection answers a PINGREQ.
    pub(crate) fn is_alive(&mut self) -> bool {
        let mut answer = [0; 2];
        self.0.write_all(&[0xc0, 0]).is_ok() && self.0.read_exact(&mut answer).is_ok() && answer == [0xd0, 0]
    }
}
