//! Packets that own what they need: one handle on the bytes they came in, and where their fields lie in it.

mod parts;
mod properties;

use core::fmt;

use alloc::vec::Vec;
use bytes::Bytes;

use crate::{EncodeError, Packet, Publish, Split, Version, split};
use parts::Parts;
pub use properties::MessageProperties;

/// A packet that may be kept and sent to another thread.
///
/// It shares the buffer it was read from through one `Bytes` handle; packets without text, payload, codes and
/// properties hold none. A small packet keeps the whole buffer alive: copy what is stored for long, see
/// [`OwnedPacket::compact`].
#[derive(Clone)]
pub struct OwnedPacket {
    /// `None` where no field lies in them, which costs less to make and to drop than an empty handle.
    bytes: Option<Bytes>,
    parts: Parts,
}

impl OwnedPacket {
    /// Encodes a packet into a buffer of its own and keeps it: one allocation.
    ///
    /// # Errors
    /// Those of [`Packet::encoder`].
    pub fn new(packet: &Packet<'_>, version: Version) -> Result<Self, EncodeError> {
        let encoder = packet.encoder(version)?;
        let mut bytes = Vec::with_capacity(encoder.encoded_len());
        encoder.write(&mut bytes);
        let bytes = Bytes::from(bytes);
        let parts = match split(&bytes, u32::MAX) {
            Ok(Split::Frame { frame, .. }) => Packet::decode(frame, version).ok().and_then(|p| Parts::of(&p, &bytes)),
            _ => None,
        };
        debug_assert!(parts.is_some(), "what the encoder accepts, the decoder accepts");
        Ok(Self { bytes: Some(bytes), parts: parts.unwrap_or(Parts::PingReq) })
    }

    /// The packet as a view. Nothing is parsed; the texts of a CONNECT are looked through for UTF-8 once more.
    #[must_use]
    #[inline]
    pub fn packet(&self) -> Packet<'_> {
        self.parts.view(self.bytes.as_deref().unwrap_or_default())
    }

    /// A handle on the payload of a PUBLISH; `None` for every other packet.
    #[must_use]
    pub fn payload(&self) -> Option<Bytes> {
        let span = self.parts.payload()?;
        self.bytes.as_ref().map(|bytes| bytes.slice(span.range()))
    }

    /// The same packet in a buffer of its own size, for packets that outlive the buffer they were read from.
    ///
    /// # Errors
    /// Those of [`Packet::encoder`]: a packet of another edition.
    pub fn compact(&self, version: Version) -> Result<Self, EncodeError> {
        Self::new(&self.packet(), version)
    }
}

/// Positions without the bytes they point into.
pub(crate) struct Detached(Parts);

impl Detached {
    /// Of a packet that borrows from `whole`.
    #[inline(always)]
    pub(crate) fn new(packet: &Packet<'_>, whole: &[u8]) -> Option<Self> {
        Parts::of(packet, whole).map(Self)
    }

    /// Of a PUBLISH that borrows from `whole`.
    #[inline(always)]
    pub(crate) fn publish(publish: &Publish<'_>, whole: &[u8]) -> Option<Self> {
        Parts::of_publish(publish, whole).map(Self)
    }

    /// Of an acknowledgement that says only its identifier, or of a ping; `None` for every other body.
    #[inline(always)]
    pub(crate) fn short(first: u8, body: &[u8]) -> Option<Self> {
        Parts::of_short(first, body).map(Self)
    }

    #[inline(always)]
    pub(crate) fn needs_bytes(&self) -> bool {
        self.0.need_bytes()
    }

    #[inline(always)]
    pub(crate) fn attach(self, bytes: Option<Bytes>) -> OwnedPacket {
        OwnedPacket { bytes, parts: self.0 }
    }
}

impl Packet<'_> {
    /// The packet with a handle on the buffer it borrows from: nothing is parsed and nothing is copied.
    ///
    /// `None` if a field lies outside `buffer` or was read from another kind of packet, which is the case for packets
    /// built from values ([`OwnedPacket::new`] takes those), and for buffers over 4 GiB. The reference count is left
    /// alone by packets without data.
    #[must_use]
    #[inline]
    pub fn upgrade(&self, buffer: &Bytes) -> Option<OwnedPacket> {
        let parts = Parts::of(self, buffer)?;
        let bytes = parts.need_bytes().then(|| buffer.clone());
        Some(OwnedPacket { bytes, parts })
    }
}

impl fmt::Debug for OwnedPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.packet().fmt(f)
    }
}

impl PartialEq for OwnedPacket {
    fn eq(&self, other: &Self) -> bool {
        self.packet() == other.packet()
    }
}

impl Eq for OwnedPacket {}
