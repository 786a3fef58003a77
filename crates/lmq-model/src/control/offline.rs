use super::ControlTopic;
use super::error::{Kind, PayloadError};
use super::object::{self, Value};

const MAX_PUSH_NUM: &str = "maxPushNum";
const PUSH_ORDER: &str = "pushOrder";

/// The payload of `$SYS/getOfflineMsg`: asks for one batch of offline messages, for example `{"maxPushNum":30,"pushOrder":"DESC"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GetOfflineMsg {
    /// Messages wanted, 1 to [`BATCH_MAX`](Self::BATCH_MAX).
    batch: u8,
    /// Which messages come first.
    order: PushOrder,
}

impl GetOfflineMsg {
    /// The most messages of one batch; a request for more is taken for this many.
    pub const BATCH_MAX: u8 = 30;

    /// A request for `batch` messages, brought into 1 to [`BATCH_MAX`](Self::BATCH_MAX).
    #[must_use]
    pub fn new(batch: u8, order: PushOrder) -> Self {
        Self { batch: batch.clamp(1, Self::BATCH_MAX), order }
    }

    /// Reads a payload.
    ///
    /// A number above 30 counts as 30 and one below 1 as 1; digits in quotes are taken for a number. Without `maxPushNum` 30 are meant,
    /// without `pushOrder` the oldest first. The order is read without regard to case.
    ///
    /// # Errors
    /// When `payload` is not a JSON object, or a value is neither absent nor one of the above.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let topic = ControlTopic::GetOfflineMsg;
        let [batch, order] = object::read(topic, payload, [&[MAX_PUSH_NUM], &[PUSH_ORDER]])?;
        let fail = |key, expected| PayloadError::new(topic, Kind::Value { key, expected });
        let batch = match batch {
            None => Self::BATCH_MAX,
            Some(value) => clamp(&value).ok_or_else(|| fail(MAX_PUSH_NUM, "a whole number, 1 to 30"))?,
        };
        let order = match order {
            None => PushOrder::OldestFirst,
            Some(value) => order_of(&value).ok_or_else(|| fail(PUSH_ORDER, "\"ASC\" or \"DESC\""))?,
        };
        Ok(Self { batch, order })
    }

    /// Messages wanted, 1 to [`BATCH_MAX`](Self::BATCH_MAX).
    #[must_use]
    pub const fn batch(self) -> u8 {
        self.batch
    }

    /// Which messages come first.
    #[must_use]
    pub const fn order(self) -> PushOrder {
        self.order
    }
}

/// Which offline messages come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PushOrder {
    /// `ASC`.
    #[default]
    OldestFirst,
    /// `DESC`.
    NewestFirst,
}

impl PushOrder {
    /// `ASC` or `DESC`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OldestFirst => "ASC",
            Self::NewestFirst => "DESC",
        }
    }
}

fn order_of(value: &Value<'_>) -> Option<PushOrder> {
    let Value::Text(text) = value else {
        return None;
    };
    [PushOrder::OldestFirst, PushOrder::NewestFirst].into_iter().find(|order| text.eq_ignore_ascii_case(order.as_str()))
}

fn clamp(value: &Value<'_>) -> Option<u8> {
    let max = u64::from(GetOfflineMsg::BATCH_MAX);
    match value {
        Value::Unsigned(n) => u8::try_from((*n).clamp(1, max)).ok(),
        Value::Negative(_) => Some(1),
        // Integers beyond 64 bits arrive as floats.
        Value::Float(n) if *n >= f64::from(GetOfflineMsg::BATCH_MAX) => Some(GetOfflineMsg::BATCH_MAX),
        Value::Text(text) => from_digits(text),
        Value::Float(_) | Value::Bool(_) | Value::Other => None,
    }
}

fn from_digits(text: &str) -> Option<u8> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Digits only, so the one thing that can go wrong is a number too large.
    let n: u64 = text.parse().unwrap_or(u64::MAX);
    clamp(&Value::Unsigned(n))
}
