//! Topics as text that is checked when it is read. The other values derive their form.
//! Packets have none: a CONNECT carries a password, and the wire form is the one to store.

use crate::{TopicFilter, TopicName};

macro_rules! text {
    ($($name:ident)*) => {$(
        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <&'a str as serde::Deserialize>::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

text!(TopicName TopicFilter);
