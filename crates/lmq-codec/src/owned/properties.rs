use core::fmt;

use alloc::vec::Vec;
use bytes::Bytes;

use crate::encode::BufSink;
use crate::property::{On, Properties, Property};
use crate::{EncodeError, PropertyIter};

/// The properties of a message that stay with it from publisher to subscriber, in a buffer of their own.
///
/// A server passes payload format indicator, content type, response topic, correlation data and user properties on as
/// they came ([MQTT-3.3.2-4], [MQTT-3.3.2-15], [MQTT-3.3.2-16], [MQTT-3.3.2-17], [MQTT-3.3.2-20]). Topic alias,
/// subscription identifiers, the remaining message expiry and the will delay belong to one connection or one moment and are left out. A clone
/// shares the buffer; no properties allocate nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MessageProperties(Bytes);

impl MessageProperties {
    /// None.
    pub const EMPTY: Self = Self(Bytes::new());

    /// Keeps what stays with a message out of the properties of a PUBLISH or of a will.
    ///
    /// # Errors
    /// The caller's, for properties from a list: one that may stand once stands twice.
    pub fn of(properties: &Properties<'_>) -> Result<Self, EncodeError> {
        let stays = |property: &Property<'_>| {
            matches!(
                property,
                Property::PayloadFormatIndicator(_)
                    | Property::ContentType(_)
                    | Property::ResponseTopic(_)
                    | Property::CorrelationData(_)
                    | Property::UserProperty(_)
            )
        };
        let len = properties.iter().filter(stays).map(|property| property.encoded_len()).sum();
        let mut block = Vec::with_capacity(len);
        for property in properties.iter().filter(stays) {
            property.write(&mut BufSink(&mut block));
        }
        Properties::from_checked(&block, On::Publish).measure_each(On::Publish)?;
        Ok(Self(block.into()))
    }

    /// The properties as a packet carries them.
    #[must_use]
    #[inline]
    pub fn properties(&self) -> Properties<'_> {
        Properties::from_checked(&self.0, On::Publish)
    }

    /// The properties one by one.
    #[must_use]
    pub fn iter(&self) -> PropertyIter<'_> {
        self.properties().iter()
    }

    /// Whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their length on the wire in bytes, without the length field.
    #[must_use]
    #[inline]
    pub fn encoded_len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for MessageProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.properties().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU16;
    use std::vec::Vec;

    use super::*;
    use crate::{SubscriptionId, UserProperty};

    #[test]
    fn what_belongs_to_one_connection_is_left_out() {
        let user = |name| Property::UserProperty(UserProperty { name, value: "v" });
        let list = [
            Property::PayloadFormatIndicator(true),
            Property::TopicAlias(NonZeroU16::MIN),
            user("first"),
            Property::MessageExpiryInterval(9),
            Property::SubscriptionIdentifier(SubscriptionId::new(1).unwrap()),
            user("second"),
            Property::WillDelayInterval(3),
            user("first"),
        ];
        let kept = MessageProperties::of(&Properties::new(&list).unwrap()).unwrap();
        assert_eq!(kept.iter().collect::<Vec<_>>(), [list[0], user("first"), user("second"), user("first")]);
        assert_eq!(kept.encoded_len(), 2 + (1 + 7 + 3) * 2 + (1 + 8 + 3));
        assert!(MessageProperties::of(&Properties::EMPTY).unwrap().is_empty());
    }

    #[test]
    fn a_property_that_stands_twice_is_refused() {
        let list = [Property::ContentType("a"), Property::ContentType("b")];
        assert!(MessageProperties::of(&Properties::new(&list).unwrap()).is_err());
    }
}
