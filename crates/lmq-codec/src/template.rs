use alloc::vec::Vec;

use crate::encode::{BufSink, EncodeError, varint_len};
use crate::{Delivery, Publish, QoS, Version};

/// A PUBLISH encoded once, to be copied to many receivers: where its flags and its packet identifier are.
///
/// ```
/// use lmq_codec::{Delivery, PacketId, Properties, Publish, Template, TopicName, Version};
///
/// let id = |n| PacketId::new(n).expect("not zero");
/// let publish = Publish {
///     delivery: Delivery::AtLeastOnce { id: id(1), dup: false },
///     retain: false,
///     topic: Some(TopicName::new("a")?),
///     properties: Properties::EMPTY,
///     payload: b"x",
/// };
/// let mut frame = Vec::new();
/// let template = Template::write(&publish, Version::V3_1_1, &mut frame)?;
/// let mut copy = frame.clone();
/// template.patch(&mut copy, Delivery::AtLeastOnce { id: id(0x0102), dup: true });
/// assert_eq!(copy, b"\x3a\x06\0\x01a\x01\x02x");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// From the start of the frame; 0 at QoS 0, where there is no identifier.
    id_at: u32,
}

impl Template {
    /// Appends the whole frame to `out`. The QoS of `p` decides whether there is room for an identifier.
    ///
    /// # Errors
    /// Those of [`Publish::encoder`]; `out` is left as it was.
    pub fn write(p: &Publish<'_>, version: Version, out: &mut Vec<u8>) -> Result<Self, EncodeError> {
        let template = Self::write_head(p, version, out)?;
        out.extend_from_slice(p.payload);
        Ok(template)
    }

    /// Appends the frame without its payload bytes, for vectored writes; the lengths include them.
    ///
    /// # Errors
    /// Those of [`Publish::encoder`]; `out` is left as it was.
    pub fn write_head(p: &Publish<'_>, version: Version, out: &mut Vec<u8>) -> Result<Self, EncodeError> {
        let sizes = p.sizes(version)?;
        out.reserve(1 + varint_len(sizes.remaining) + sizes.remaining as usize - p.payload.len());
        p.write_head(version, &sizes, &mut BufSink(out));
        let topic = p.topic.map_or(0, |topic| topic.as_bytes().len());
        let id_at = match p.delivery.qos() {
            QoS::AtMostOnce => 0,
            QoS::AtLeastOnce | QoS::ExactlyOnce => 1 + varint_len(sizes.remaining) as u32 + 2 + topic as u32,
        };
        Ok(Self { id_at })
    }

    /// Sets QoS, DUP and packet identifier in a copy of the frame, or of its head; RETAIN stays as it is.
    ///
    /// A delivery with an identifier needs a template with one and the other way round: QoS 1 and 2 have the same
    /// shape, QoS 0 has another. A copy that does not fit is left unchanged (and trips a debug assertion).
    #[inline]
    pub fn patch(&self, copy: &mut [u8], delivery: Delivery) {
        let at = self.id_at as usize;
        debug_assert_eq!(at != 0, delivery.packet_id().is_some(), "delivery and template have the same shape");
        match delivery.packet_id() {
            None if at == 0 => {}
            Some(id) if at != 0 => {
                let Some(to) = copy.get_mut(at..at + 2) else {
                    return;
                };
                to.copy_from_slice(&id.value().to_be_bytes());
            }
            _ => return,
        }
        if let Some(first) = copy.first_mut() {
            *first = *first & 0xf1 | delivery.flags();
        }
    }
}
