use alloc::borrow::Cow;
use alloc::format;
use core::fmt;

use super::{PairsError, StringToSign};

/// Why the OpenAPI's front refuses a request: the gateway's codes, before any product sees the call.
///
/// `Display` is the `Message` of the answer, [`code`](Self::code) its `Code`. The sender's fault, always, but for
/// [`Throttled`](Self::Throttled), which can be the fault of others.
///
/// **Attacker's view.** The message of [`SignatureDoesNotMatch`](Self::SignatureDoesNotMatch) repeats the text that the server would have
/// signed: made of the request alone, it holds no secret of ours, but parameters of the sender may be secrets of the sender. It has 1.3 MB
/// at worst, for a request of 256 KiB.
/// It is for the answer; a log gets [`code`](Self::code), and `Debug` shows no more. The product tells by
/// [`AccessKeyNotFound`](Self::AccessKeyNotFound) which keys exist; key ids are no secrets.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenApiError {
    /// A parameter, or the header that stands for it, is absent or empty.
    Missing(&'static str),
    /// A parameter is not what it has to be.
    Invalid(&'static str),
    /// Query or form cannot be read.
    Unreadable(PairsError),
    /// The `Authorization` header cannot be read, or does not sign what has to be signed.
    IncompleteSignature,
    /// Another signature method than HMAC-SHA1 or ACS3-HMAC-SHA256.
    SignatureMethod,
    /// The time is not `yyyy-MM-ddTHH:mm:ssZ`.
    TimestampFormat,
    /// The time is more than 15 minutes away from now.
    TimestampExpired,
    /// No such access key: for the caller's lookup to say.
    AccessKeyNotFound,
    /// The signature is not the one that request and key call for.
    SignatureDoesNotMatch {
        /// What the server would have signed.
        string_to_sign: StringToSign,
    },
    /// The nonce has been used with this access key.
    NonceUsed,
    /// Too many requests: there is no room to remember another nonce, or the caller counted.
    Throttled,
    /// No such action, version or path: for the caller's table to say.
    ApiNotFound,
    /// A method other than GET and POST.
    UnsupportedMethod,
}

impl OpenApiError {
    /// The `Code` of the answer.
    #[must_use]
    pub fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Missing(name) => return Cow::Owned(format!("Missing{name}")),
            Self::Invalid(name) => return Cow::Owned(format!("InvalidParameter.{name}")),
            Self::Unreadable(_) => "InvalidParameter.Format",
            Self::IncompleteSignature => "IncompleteSignature",
            Self::SignatureMethod => "InvalidSignatureMethod",
            Self::TimestampFormat => "InvalidTimeStamp.Format",
            Self::TimestampExpired => "InvalidTimeStamp.Expired",
            Self::AccessKeyNotFound => "InvalidAccessKeyId.NotFound",
            Self::SignatureDoesNotMatch { .. } => "SignatureDoesNotMatch",
            Self::NonceUsed => "SignatureNonceUsed",
            Self::Throttled => "Throttling.User",
            Self::ApiNotFound => "InvalidApi.NotFound",
            Self::UnsupportedMethod => "UnsupportedHTTPMethod",
        })
    }

    /// The HTTP status of the answer: 404, 405 or 400.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::AccessKeyNotFound | Self::ApiNotFound => 404,
            Self::UnsupportedMethod => 405,
            _ => 400,
        }
    }
}

impl fmt::Display for OpenApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is mandatory for this action."),
            Self::Invalid(name) => write!(f, "Specified parameter {name} is not valid."),
            Self::Unreadable(error) => write!(f, "Parameters cannot be read: {error}."),
            Self::IncompleteSignature => f.write_str("The request signature does not conform to the standard."),
            Self::SignatureMethod => f.write_str("Specified signature method is not valid."),
            Self::TimestampFormat => f.write_str("Specified time stamp or date value is not well formatted."),
            Self::TimestampExpired => f.write_str("Specified time stamp or date value is expired."),
            Self::AccessKeyNotFound => f.write_str("Specified access key is not found."),
            // The Python SDK takes what follows the colon and compares it with its own text.
            Self::SignatureDoesNotMatch { string_to_sign } => {
                f.write_str("Specified signature is not matched with our calculation. server string to sign is:")?;
                f.write_str(string_to_sign.as_str())
            }
            Self::NonceUsed => f.write_str("Specified signature nonce was used already."),
            Self::Throttled => f.write_str("Request was denied due to user flow control."),
            Self::ApiNotFound => f.write_str("Specified api is not found, please check your url and method."),
            Self::UnsupportedMethod => f.write_str("This http method is not supported."),
        }
    }
}

impl fmt::Debug for OpenApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenApiError({})", self.code())
    }
}

impl core::error::Error for OpenApiError {}

impl From<PairsError> for OpenApiError {
    fn from(error: PairsError) -> Self {
        Self::Unreadable(error)
    }
}
