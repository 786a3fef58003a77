use core::num::NonZeroU16;

/// How often a message may arrive: the two QoS bits of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum QoS {
    /// At most once: no acknowledgement.
    #[default]
    AtMostOnce = 0,
    /// At least once: acknowledged by PUBACK.
    AtLeastOnce = 1,
    /// Exactly once: PUBREC, PUBREL, PUBCOMP.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level that the two bits name; `None` for 3, which no edition allows.
    #[must_use]
    #[inline]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

impl From<QoS> for u8 {
    #[inline]
    fn from(qos: QoS) -> Self {
        qos as Self
    }
}

impl TryFrom<u8> for QoS {
    type Error = QoSError;

    fn try_from(value: u8) -> Result<Self, QoSError> {
        Self::from_bits(value).ok_or(QoSError { value })
    }
}

/// A number that is no QoS level; the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QoSError {
    value: u8,
}

impl core::fmt::Display for QoSError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "QoS {} does not exist: 0, 1 or 2", self.value)
    }
}

impl core::error::Error for QoSError {}

/// A packet identifier, 1 to 65,535. Zero does not exist. [MQTT-2.3.1-1] (3.1.1), [MQTT-2.2.1-3] (5.0)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The lowest, 1.
    pub const MIN: Self = Self(NonZeroU16::MIN);
    /// The highest, 65,535.
    pub const MAX: Self = Self(NonZeroU16::MAX);

    /// The identifier with this value; `None` for zero.
    #[must_use]
    #[inline]
    pub const fn new(value: u16) -> Option<Self> {
        match NonZeroU16::new(value) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The number on the wire, never zero.
    #[must_use]
    #[inline]
    pub const fn value(self) -> u16 {
        self.0.get()
    }
}

impl core::fmt::Display for PacketId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

impl From<NonZeroU16> for PacketId {
    fn from(value: NonZeroU16) -> Self {
        Self(value)
    }
}

/// QoS, packet identifier and DUP of a PUBLISH: only the combinations that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Delivery {
    /// QoS 0: no identifier and never a duplicate. [MQTT-2.3.1-5], [MQTT-3.3.1-2]
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce {
        /// Names the message until its PUBACK.
        id: PacketId,
        /// Set when the packet may have been sent before.
        dup: bool,
    },
    /// QoS 2.
    ExactlyOnce {
        /// Names the message until its PUBCOMP.
        id: PacketId,
        /// Set when the packet may have been sent before.
        dup: bool,
    },
}

impl Delivery {
    /// The QoS level.
    #[must_use]
    #[inline]
    pub const fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce { .. } => QoS::AtLeastOnce,
            Self::ExactlyOnce { .. } => QoS::ExactlyOnce,
        }
    }

    /// The packet identifier, which exists from QoS 1 on.
    #[must_use]
    #[inline]
    pub const fn packet_id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { id, .. } | Self::ExactlyOnce { id, .. } => Some(id),
        }
    }

    /// Whether the packet is marked as sent again; never at QoS 0.
    #[must_use]
    #[inline]
    pub const fn dup(self) -> bool {
        match self {
            Self::AtMostOnce => false,
            Self::AtLeastOnce { dup, .. } | Self::ExactlyOnce { dup, .. } => dup,
        }
    }

    /// The flags of the first byte without RETAIN.
    #[inline]
    pub(crate) const fn flags(self) -> u8 {
        (self.qos() as u8) << 1 | (self.dup() as u8) << 3
    }
}
