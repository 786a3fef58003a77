use std::{fmt, str::FromStr};

use lmq_auth::SecretKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// A secret that is stored. Serializing it writes it out: only the store and the answer to the one who made it may.
#[derive(Clone)]
pub(crate) struct Secret(SecretKey);

impl Secret {
    pub(crate) const fn new(key: SecretKey) -> Self {
        Self(key)
    }

    pub(crate) const fn key(&self) -> &SecretKey {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
                SecretKey::from_str(text).map(Secret).map_err(E::custom)
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Secret, E> {
                self.visit_str(&Zeroizing::new(text))
            }
        }
        deserializer.deserialize_string(Visitor)
    }
}
