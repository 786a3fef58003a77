//! A flat JSON object with known keys, read without building a tree.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::{Kind, PayloadError};
use super::{ControlTopic, PAYLOAD_BYTES_MAX};
use crate::json;

/// A value as far as control payloads need one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// An array or an object, skipped.
    Other,
}

/// Reads the values of `keys`. Other keys are skipped, a key without a value or with `null` is `None`, a key given twice is an error.
///
/// Each entry of `keys` lists the spellings of one key, the first being the one that errors name.
pub(super) fn read<'a, const N: usize>(
    topic: ControlTopic,
    payload: &'a [u8],
    keys: [&[&'static str]; N],
) -> Result<[Option<Value<'a>>; N], PayloadError> {
    let fail = |kind| PayloadError::new(topic, kind);
    if payload.len() > PAYLOAD_BYTES_MAX {
        let len = payload.len();
        return Err(fail(Kind::TooLarge { len }));
    }
    if !json::is_object(payload) {
        return Err(fail(Kind::NotObject));
    }
    let mut twice = None;
    let mut reader = serde_json::Deserializer::from_slice(payload);
    let fields = Fields { keys, twice: &mut twice };
    let values = fields.deserialize(&mut reader).and_then(|values| reader.end().map(|()| values));
    if let Some(key) = twice {
        return Err(fail(Kind::Twice { key }));
    }
    values.map_err(|error| fail(Kind::Syntax { line: error.line(), column: error.column() }))
}

struct Fields<'k, const N: usize> {
    keys: [&'k [&'static str]; N],
    twice: &'k mut Option<&'static str>,
}

impl<'de, const N: usize> DeserializeSeed<'de> for Fields<'_, N> {
    type Value = [Option<Value<'de>>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Fields<'_, N> {
    type Value = [Option<Value<'de>>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [const { None }; N];
        let mut seen = [false; N];
        while let Some(Scalar(key)) = map.next_key()? {
            let known = match &key {
                Some(Value::Text(key)) => self.keys.iter().position(|names| names.contains(&&**key)),
                _ => None,
            };
            let Some(index) = known else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if core::mem::replace(&mut seen[index], true) {
                *self.twice = self.keys[index].first().copied();
                return Err(A::Error::custom("key given twice"));
            }
            values[index] = map.next_value::<Scalar<'de>>()?.0;
        }
        Ok(values)
    }
}

/// `None` is JSON's `null`.
struct Scalar<'a>(Option<Value<'a>>);

impl<'de> serde::Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor).map(Scalar)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Option<Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Value::Bool(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(Value::Unsigned(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Value::Negative(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Value::Float(value)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Value::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Value::Text(Cow::Owned(String::from(text)))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(Value::Other))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(Value::Other))
    }
}
