//! `Serialize` and `Deserialize` for every name: its text, checked on the way in.

use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;

use ::serde::de::{Deserialize, Deserializer, Error, Visitor};
use ::serde::ser::{Serialize, Serializer};

use crate::{Access, ClientId, DeviceId, GroupId, InstanceId, P2pTopic, ParentTopic};

struct Text<T> {
    expected: &'static str,
    name: PhantomData<T>,
}

impl<T> Visitor<'_> for Text<T>
where
    T: FromStr<Err: fmt::Display>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<T, E> {
        self.visit_str(&text)
    }
}

macro_rules! as_text {
    ($($name:ident: $expected:literal,)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text { expected: $expected, name: PhantomData })
            }
        }
    )+};
}

as_text! {
    Access: "one of the texts R, W and RW",
    ClientId: "a client id as text",
    DeviceId: "a device id as text",
    GroupId: "a group id as text",
    InstanceId: "an instance id as text",
    P2pTopic: "a P2P topic as text",
    ParentTopic: "a parent topic as text",
}
