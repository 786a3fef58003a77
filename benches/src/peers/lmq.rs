//! This codec. What it reads lazily is read here: filters and properties, one by one.

use std::hint::black_box;

use bytes::BytesMut;
use lmq_codec::{Decoded, Decoder, Packet, Split, Version, split};

use crate::Peer;

const MAX: u32 = 1 << 28;

#[inline]
fn look(packet: &Packet<'_>) {
    match packet {
        Packet::Subscribe(p) => p.filters.for_each(|entry| {
            black_box(entry);
        }),
        Packet::Publish(p) if !p.properties.is_empty() => p.properties.iter().for_each(|property| {
            black_box(property);
        }),
        _ => {}
    }
    black_box(packet);
}

fn packets(bytes: &'static [u8], version: Version) -> Vec<Packet<'static>> {
    let mut out = Vec::new();
    let mut src = bytes;
    while let Ok(Split::Frame { frame, rest }) = split(src, MAX) {
        out.push(Packet::decode(frame, version).expect("a valid packet"));
        src = rest;
    }
    out
}

/// Goes from header to header, which leaves them in the caches: mqttrs must do so before its time is taken, to know
/// the lengths it does not say.
fn walk(bytes: &[u8]) {
    let mut src = bytes;
    while let Ok(Split::Frame { rest, .. }) = split(src, MAX) {
        src = black_box(rest);
    }
}

macro_rules! borrowed {
    ($name:ident, $label:literal, $version:expr, $look:expr, $encode:expr) => {
        pub struct $name;

        impl Peer for $name {
            const NAME: &'static str = $label;
            const OWNED: bool = false;
            type Input = &'static [u8];
            type Packet = Packet<'static>;
            type Output = BytesMut;

            fn input(bytes: &'static [u8]) -> &'static [u8] {
                walk(bytes);
                bytes
            }

            fn decode(input: &mut &'static [u8]) -> usize {
                let mut count = 0;
                let mut src = black_box(*input);
                while let Ok(Split::Frame { frame, rest }) = split(src, MAX) {
                    match &Packet::decode(frame, $version) {
                        Ok(packet) => $look(packet),
                        Err(error) => panic!("{error}"),
                    }
                    count += 1;
                    src = rest;
                }
                count
            }

            fn packets(bytes: &'static [u8]) -> Vec<Packet<'static>> {
                packets(bytes, $version)
            }

            fn output(len: usize) -> BytesMut {
                BytesMut::with_capacity(len)
            }

            fn encode(packets: &mut Vec<Packet<'static>>, out: &mut BytesMut) -> usize {
                out.clear();
                for packet in packets.iter() {
                    $encode(packet, &mut *out);
                }
                out.len()
            }
        }
    };
}

#[inline]
fn encode3(packet: &Packet<'_>, out: &mut BytesMut) {
    packet.encode(Version::V3_1_1, out).expect("encodable");
}

#[inline]
fn encode5(packet: &Packet<'_>, out: &mut BytesMut) {
    packet.encode(Version::V5_0, out).expect("encodable");
}

/// Head and payload handle, as for a vectored write.
#[inline]
fn encode_head(packet: &Packet<'_>, out: &mut BytesMut) {
    black_box(packet.encoder(Version::V3_1_1).expect("encodable").write_head(out));
}

/// The topic as text too, which is checked for UTF-8 once more when it is asked for.
#[inline]
fn look_at_text(packet: &Packet<'_>) {
    if let Packet::Publish(p) = packet {
        black_box(p.topic.map(|topic| topic.as_str()));
    }
    look(packet);
}

borrowed!(LmqBorrowed3, "lmq_borrowed", Version::V3_1_1, look, encode3);
borrowed!(LmqBorrowed5, "lmq_borrowed", Version::V5_0, look, encode5);
borrowed!(LmqBorrowedText, "lmq_borrowed_topic_as_str", Version::V3_1_1, look_at_text, encode3);
borrowed!(LmqVectored, "lmq_head_and_payload", Version::V3_1_1, look, encode_head);

macro_rules! owned {
    ($name:ident, $version:expr, $encode:expr) => {
        pub struct $name;

        impl Peer for $name {
            const NAME: &'static str = "lmq_owned";
            const OWNED: bool = true;
            type Input = (Decoder, BytesMut);
            type Packet = lmq_codec::OwnedPacket;
            type Output = BytesMut;

            fn input(bytes: &'static [u8]) -> (Decoder, BytesMut) {
                // A relay reads both directions; here every packet type is in one stream.
                (Decoder::any($version, MAX), BytesMut::from(bytes))
            }

            fn decode((decoder, src): &mut (Decoder, BytesMut)) -> usize {
                let mut count = 0;
                while let Ok(Some(Decoded::Packet(packet))) = &decoder.decode(src) {
                    match packet.packet() {
                        Packet::Subscribe(p) => p.filters.for_each(|entry| {
                            black_box(entry);
                        }),
                        Packet::Publish(p) if !p.properties.is_empty() => p.properties.iter().for_each(|property| {
                            black_box(property);
                        }),
                        _ => {}
                    }
                    black_box(packet);
                    count += 1;
                }
                count
            }

            fn packets(bytes: &'static [u8]) -> Vec<Self::Packet> {
                let mut input = Self::input(bytes);
                let mut out = Vec::new();
                while let Some(Decoded::Packet(packet)) = input.0.decode(&mut input.1).expect("a valid packet") {
                    out.push(packet);
                }
                out
            }

            fn output(len: usize) -> BytesMut {
                BytesMut::with_capacity(len)
            }

            fn encode(packets: &mut Vec<Self::Packet>, out: &mut BytesMut) -> usize {
                out.clear();
                for packet in packets.iter() {
                    $encode(&packet.packet(), &mut *out);
                }
                out.len()
            }
        }
    };
}

owned!(LmqOwned3, Version::V3_1_1, encode3);
owned!(LmqOwned5, Version::V5_0, encode5);

/// Into a slice with room, as mqttrs writes.
pub struct LmqSlice;

impl Peer for LmqSlice {
    const NAME: &'static str = "lmq_borrowed_to_slice";
    const OWNED: bool = false;
    type Input = &'static [u8];
    type Packet = Packet<'static>;
    type Output = Vec<u8>;

    fn input(bytes: &'static [u8]) -> &'static [u8] {
        bytes
    }

    fn decode(input: &mut &'static [u8]) -> usize {
        LmqBorrowed3::decode(input)
    }

    fn packets(bytes: &'static [u8]) -> Vec<Packet<'static>> {
        packets(bytes, Version::V3_1_1)
    }

    fn output(len: usize) -> Vec<u8> {
        vec![0; len]
    }

    fn encode(packets: &mut Vec<Packet<'static>>, out: &mut Vec<u8>) -> usize {
        let len = out.len();
        let mut room = &mut out[..];
        for packet in packets.iter() {
            packet.encode(Version::V3_1_1, &mut room).expect("encodable");
        }
        len - room.len()
    }
}
