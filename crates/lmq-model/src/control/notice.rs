//! What the gateway tells a client about its tokens, and how the client reads it.

use alloc::format;
use alloc::string::String;

use lmq_id::Access;

use super::ControlTopic;
use super::error::{Kind, PayloadError};
use super::object::{self, Value};
use crate::UnixMillis;

const EXPIRE_TIME: &str = "expireTime";
const CODE: &str = "code";
const TYPE: &str = "type";

/// The payload of `$SYS/tokenExpireNotice`: `{"expireTime":1542700000000,"type":"RW"}`.
///
/// Sent about five minutes before a token of the connection expires, once, without a subscription; delivery is not guaranteed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenExpireNotice {
    /// When the token expires. Absolute, although the manual's table calls it an `int`.
    pub expire_time: UnixMillis,
    /// Which token of the connection.
    pub access: Access,
}

impl TokenExpireNotice {
    /// Reads a payload. The time may be a number or its digits in quotes.
    ///
    /// # Errors
    /// When `payload` is not a JSON object, or `expireTime` or `type` is missing or wrong.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let topic = ControlTopic::TokenExpireNotice;
        let [time, access] = object::read(topic, payload, [&[EXPIRE_TIME], &[TYPE]])?;
        let time = match time {
            None => Err(missing(topic, EXPIRE_TIME, MILLIS)),
            Some(Value::Unsigned(millis)) => Ok(millis),
            Some(Value::Text(text)) => text.parse().map_err(|_| wrong(topic, EXPIRE_TIME, MILLIS)),
            Some(_) => Err(wrong(topic, EXPIRE_TIME, MILLIS)),
        }?;
        Ok(Self { expire_time: UnixMillis::new(time), access: read_access(topic, access)? })
    }

    /// Writes the payload: exactly the keys of the manual, in its order, without blanks.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!(r#"{{"expireTime":{},"type":"{}"}}"#, self.expire_time, self.access)
    }
}

/// The payload of `$SYS/tokenInvalidNotice`: `{"code":2,"type":"RW"}`. The gateway closes the connection after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenInvalidNotice {
    /// Why: 1 forged, 2 expired, 3 revoked, 4 resource, 5 action, 8 signature, -1 account.
    pub code: i32,
    /// Which token of the connection.
    pub access: Access,
}

impl TokenInvalidNotice {
    /// Reads a payload. The code may be a number or its digits in quotes, known to the manual or not.
    ///
    /// # Errors
    /// When `payload` is not a JSON object, or `code` or `type` is missing or wrong.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let topic = ControlTopic::TokenInvalidNotice;
        let [code, access] = object::read(topic, payload, [&[CODE], &[TYPE]])?;
        let code = match code {
            None => return Err(missing(topic, CODE, INTEGER)),
            Some(Value::Unsigned(code)) => i32::try_from(code).ok(),
            Some(Value::Negative(code)) => i32::try_from(code).ok(),
            Some(Value::Text(text)) => text.parse().ok(),
            Some(_) => None,
        };
        let code = code.ok_or(wrong(topic, CODE, INTEGER))?;
        Ok(Self { code, access: read_access(topic, access)? })
    }

    /// Writes the payload: exactly the keys of the manual, in its order, without blanks.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!(r#"{{"code":{},"type":"{}"}}"#, self.code, self.access)
    }
}

const MILLIS: &str = "milliseconds since 1970 as a number";
const INTEGER: &str = "an integer of 32 bits";
const ACCESS: &str = "\"R\", \"W\" or \"RW\"";

fn read_access(topic: ControlTopic, value: Option<Value<'_>>) -> Result<Access, PayloadError> {
    match value {
        None => Err(missing(topic, TYPE, ACCESS)),
        Some(Value::Text(text)) => text.parse().map_err(|_| wrong(topic, TYPE, ACCESS)),
        Some(_) => Err(wrong(topic, TYPE, ACCESS)),
    }
}

const fn missing(topic: ControlTopic, key: &'static str, expected: &'static str) -> PayloadError {
    PayloadError::new(topic, Kind::Missing { key, expected })
}

const fn wrong(topic: ControlTopic, key: &'static str, expected: &'static str) -> PayloadError {
    PayloadError::new(topic, Kind::Value { key, expected })
}
