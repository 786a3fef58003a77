use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use lmq_id::Access;
use serde::Serialize;

use super::ControlTopic;
use super::error::{Kind, PayloadError};
use super::object::{self, Value};

#[derive(Serialize)]
struct Body<'a> {
    token: &'a str,
    #[serde(rename = "type")]
    access: &'static str,
}

const TOKEN: &str = "token";
const TYPE: &str = "type";

/// The payload of `$SYS/uploadToken`: `{"token":"..","type":"RW"}`. Borrows the payload where the token has no escapes.
///
/// `Debug` shows the type only and there is no `==`: a token is a bearer credential.
#[derive(Clone)]
pub struct UploadToken<'a> {
    token: Cow<'a, str>,
    access: Access,
}

impl<'a> UploadToken<'a> {
    /// Reads a payload. The key of the token may be spelled `token` or `Token`, but not both.
    ///
    /// # Errors
    /// When `payload` is not a JSON object, the token is missing or empty, or the type is none of `R`, `W` and `RW`.
    pub fn parse(payload: &'a [u8]) -> Result<Self, PayloadError> {
        let topic = ControlTopic::UploadToken;
        let [token, access] = object::read(topic, payload, [&[TOKEN, "Token"], &[TYPE]])?;
        let fail = |kind| Err(PayloadError::new(topic, kind));
        let (key, expected) = (TOKEN, "a text that is not empty");
        let token = match token {
            Some(Value::Text(token)) if !token.is_empty() => token,
            Some(_) => return fail(Kind::Value { key, expected }),
            None => return fail(Kind::Missing { key, expected }),
        };
        let (key, expected) = (TYPE, "\"R\", \"W\" or \"RW\"");
        let access = match access {
            Some(Value::Text(text)) => text.parse().ok(),
            Some(_) => None,
            None => return fail(Kind::Missing { key, expected }),
        };
        match access {
            Some(access) => Ok(Self { token, access }),
            None => fail(Kind::Value { key, expected }),
        }
    }

    /// Writes the payload that gives `token` as one of type `access`: what a client sends. The result is as secret as the token.
    ///
    /// ```
    /// use lmq_id::Access;
    /// use lmq_model::control::UploadToken;
    /// assert_eq!(UploadToken::to_json("dG9rZW4=", Access::ReadWrite), r#"{"token":"dG9rZW4=","type":"RW"}"#);
    /// ```
    #[must_use]
    pub fn to_json(token: &str, access: Access) -> String {
        serde_json::to_string(&Body { token, access: access.as_str() }).expect("texts are always JSON")
    }

    /// The token. Never empty, otherwise unchecked: whether it is genuine is for its issuer to say.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Which kind of token of this connection it gives or replaces.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }
}

impl fmt::Debug for UploadToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadToken").field("token", &..).field("access", &self.access).finish()
    }
}
