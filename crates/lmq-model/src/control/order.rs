use super::ControlTopic;
use super::error::{Kind, PayloadError};
use super::object::{self, Value};

const ORDER: &str = "order";

/// The payload of `$SYS/enableOrderMsg`: `{"order":"true"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnableOrderMsg {
    /// Whether later publishes of this connection go to one partition of the MQ topic.
    pub order: bool,
}

impl EnableOrderMsg {
    /// Reads a payload. The value may be a boolean or its name in quotes, in any case.
    ///
    /// # Errors
    /// When `payload` is not a JSON object, or `order` is missing or neither true nor false.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let topic = ControlTopic::EnableOrderMsg;
        let [order] = object::read(topic, payload, [&[ORDER]])?;
        let (key, expected) = (ORDER, "true or false");
        let kind = match order {
            Some(Value::Bool(order)) => return Ok(Self { order }),
            Some(Value::Text(text)) if text.eq_ignore_ascii_case("true") => {
                return Ok(Self { order: true });
            }
            Some(Value::Text(text)) if text.eq_ignore_ascii_case("false") => {
                return Ok(Self { order: false });
            }
            Some(_) => Kind::Value { key, expected },
            None => Kind::Missing { key, expected },
        };
        Err(PayloadError::new(topic, kind))
    }
}
