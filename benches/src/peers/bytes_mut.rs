//! Owned codecs that read from and write to `BytesMut`.

use std::hint::black_box;

use bytes::BytesMut;
use tokio_util::codec::{Decoder as _, Encoder as _};

use crate::Peer;

const MAX: usize = 1 << 28;

/// `$read` takes one packet out of a `BytesMut`; `$write` appends one.
macro_rules! peer {
    ($name:ident, $label:literal, $packet:ty, $read:expr, $write:expr) => {
        pub struct $name;

        impl Peer for $name {
            const NAME: &'static str = $label;
            const OWNED: bool = true;
            type Input = BytesMut;
            type Packet = $packet;
            type Output = BytesMut;

            fn input(bytes: &'static [u8]) -> BytesMut {
                BytesMut::from(bytes)
            }

            fn decode(src: &mut BytesMut) -> usize {
                let mut count = 0;
                while !src.is_empty() {
                    match &$read(&mut *src) {
                        Ok(packet) => black_box(packet),
                        Err(error) => panic!("{error:?}"),
                    };
                    count += 1;
                }
                count
            }

            fn packets(bytes: &'static [u8]) -> Vec<$packet> {
                let mut src = BytesMut::from(bytes);
                let mut out = Vec::new();
                while !src.is_empty() {
                    out.push($read(&mut src).unwrap_or_else(|error| panic!("{error:?}")));
                }
                out
            }

            fn output(len: usize) -> BytesMut {
                BytesMut::with_capacity(len)
            }

            fn encode(packets: &mut Vec<$packet>, out: &mut BytesMut) -> usize {
                out.clear();
                $write(packets, &mut *out);
                out.len()
            }
        }
    };
}

macro_rules! each {
    (|$packet:ident, $out:ident| $write:expr) => {
        |packets: &mut Vec<_>, $out: &mut BytesMut| {
            for $packet in packets.iter() {
                $write;
            }
        }
    };
}

peer!(
    RumqttcNext4,
    "rumqttc_v4_next",
    rumqttc_v4::Packet,
    |src: &mut BytesMut| rumqttc_v4::Packet::read(src, MAX),
    |packets: &mut Vec<rumqttc_v4::Packet>, out: &mut BytesMut| {
        for packet in packets.iter() {
            packet.write(out, MAX).expect("encodable");
        }
    }
);

peer!(
    RumqttcNext5,
    "rumqttc_v5_next",
    rumqttc_v5::mqttbytes::v5::Packet,
    |src: &mut BytesMut| rumqttc_v5::mqttbytes::v5::Packet::read(src, None),
    |packets: &mut Vec<rumqttc_v5::mqttbytes::v5::Packet>, out: &mut BytesMut| {
        for packet in packets.iter() {
            packet.write(out, None).expect("encodable");
        }
    }
);

peer!(
    Rumqttc4,
    "rumqttc",
    rumqttc::Packet,
    |src: &mut BytesMut| rumqttc::Packet::read(src, MAX),
    |packets: &mut Vec<rumqttc::Packet>, out: &mut BytesMut| {
        for packet in packets.iter() {
            packet.write(out, MAX).expect("encodable");
        }
    }
);

peer!(
    Rumqttc5,
    "rumqttc",
    rumqttc::v5::mqttbytes::v5::Packet,
    |src: &mut BytesMut| rumqttc::v5::mqttbytes::v5::Packet::read(src, None),
    |packets: &mut Vec<rumqttc::v5::mqttbytes::v5::Packet>, out: &mut BytesMut| {
        for packet in packets.iter() {
            packet.write(out, None).expect("encodable");
        }
    }
);

fn write_mqttbytes4(packet: &mqttbytes::v4::Packet, out: &mut BytesMut) {
    use mqttbytes::v4::{Packet, PingReq};
    match packet {
        Packet::Connect(p) => p.write(out),
        Packet::Publish(p) => p.write(out),
        Packet::PubAck(p) => p.write(out),
        Packet::Subscribe(p) => p.write(out),
        Packet::PingReq => PingReq.write(out),
        other => panic!("no case has {other:?}"),
    }
    .expect("encodable");
}

fn write_mqttbytes5(packet: &mqttbytes::v5::Packet, out: &mut BytesMut) {
    match packet {
        mqttbytes::v5::Packet::Publish(p) => p.write(out),
        other => panic!("no case has {other:?}"),
    }
    .expect("encodable");
}

peer!(
    Mqttbytes4,
    "mqttbytes",
    mqttbytes::v4::Packet,
    |src: &mut BytesMut| mqttbytes::v4::read(src, MAX),
    each!(|packet, out| write_mqttbytes4(packet, out))
);

peer!(
    Mqttbytes5,
    "mqttbytes",
    mqttbytes::v5::Packet,
    |src: &mut BytesMut| mqttbytes::v5::read(src, MAX),
    each!(|packet, out| write_mqttbytes5(packet, out))
);

fn read_mqute(src: &mut BytesMut) -> mqute_codec::codec::RawPacket {
    mqute_codec::codec::PacketCodec::new(None, None).try_decode(src).expect("a whole packet")
}

peer!(
    Mqute4,
    "mqute_codec",
    mqute_codec::protocol::v4::Packet,
    |src: &mut BytesMut| mqute_codec::protocol::v4::Packet::decode(read_mqute(src)),
    |packets: &mut Vec<mqute_codec::protocol::v4::Packet>, out: &mut BytesMut| {
        for packet in packets.iter() {
            packet.encode(out).expect("encodable");
        }
    }
);

peer!(
    Mqute5,
    "mqute_codec",
    mqute_codec::protocol::v5::Packet,
    |src: &mut BytesMut| mqute_codec::protocol::v5::Packet::decode(read_mqute(src)),
    |packets: &mut Vec<mqute_codec::protocol::v5::Packet>, out: &mut BytesMut| {
        for packet in packets.iter() {
            packet.encode(out).expect("encodable");
        }
    }
);

peer!(
    Rmqtt3,
    "rmqtt_codec",
    rmqtt_codec::v3::Packet,
    |src: &mut BytesMut| { rmqtt_codec::v3::Codec::new(0).decode(src).map(|packet| packet.expect("a whole packet").0) },
    |packets: &mut Vec<rmqtt_codec::v3::Packet>, out: &mut BytesMut| {
        let mut codec = rmqtt_codec::v3::Codec::new(0);
        for packet in packets.drain(..) {
            codec.encode(packet, out).expect("encodable");
        }
    }
);

peer!(
    Rmqtt5,
    "rmqtt_codec",
    rmqtt_codec::v5::Packet,
    |src: &mut BytesMut| {
        rmqtt_codec::v5::Codec::new(0, 0).decode(src).map(|packet| packet.expect("a whole packet").0)
    },
    |packets: &mut Vec<rmqtt_codec::v5::Packet>, out: &mut BytesMut| {
        let mut codec = rmqtt_codec::v5::Codec::new(0, 0);
        for packet in packets.drain(..) {
            codec.encode(packet, out).expect("encodable");
        }
    }
);
