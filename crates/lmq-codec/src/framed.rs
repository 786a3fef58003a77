use core::fmt;

use bytes::BytesMut;
use tokio_util::codec;

use crate::{DecodeError, Decoded, Decoder, EncodeError, OwnedPacket, Packet, Version};

/// One connection's codec for `tokio_util::codec::Framed`: decodes with a [`Decoder`], encodes in the version it found.
#[derive(Clone, Debug)]
pub struct Framed {
    decoder: Decoder,
}

impl Framed {
    /// Around a decoder for the side it stands on.
    #[must_use]
    pub const fn new(decoder: Decoder) -> Self {
        Self { decoder }
    }

    /// The version packets are written in: that of the connection, see [`Decoder::version`], and MQTT 3.1.1 while a
    /// server has seen no version in a CONNECT.
    #[must_use]
    pub fn version(&self) -> Version {
        self.decoder.version().unwrap_or(Version::V3_1_1)
    }
}

/// Why a framed connection ends.
#[derive(Debug)]
#[non_exhaustive]
pub enum FramedError {
    /// The transport failed.
    Io(std::io::Error),
    /// The peer sent what is no packet.
    Decode(DecodeError),
    /// The caller asked for a packet that cannot be written.
    Encode(EncodeError),
}

impl codec::Decoder for Framed {
    type Item = Decoded;
    type Error = FramedError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Decoded>, FramedError> {
        self.decoder.decode(src).map_err(FramedError::Decode)
    }
}

impl codec::Encoder<Packet<'_>> for Framed {
    type Error = FramedError;

    fn encode(&mut self, packet: Packet<'_>, dst: &mut BytesMut) -> Result<(), FramedError> {
        let version = if let Packet::Connect(connect) = &packet { connect.version } else { self.version() };
        let encoder = packet.encoder(version).map_err(FramedError::Encode)?;
        dst.reserve(encoder.encoded_len());
        encoder.write(dst);
        Ok(())
    }
}

impl codec::Encoder<OwnedPacket> for Framed {
    type Error = FramedError;

    fn encode(&mut self, packet: OwnedPacket, dst: &mut BytesMut) -> Result<(), FramedError> {
        codec::Encoder::<Packet<'_>>::encode(self, packet.packet(), dst)
    }
}

impl From<std::io::Error> for FramedError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for FramedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "transport: {error}"),
            Self::Decode(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for FramedError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Decode(error) => Some(error),
            Self::Encode(error) => Some(error),
        }
    }
}
