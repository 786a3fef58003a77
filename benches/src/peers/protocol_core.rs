use std::hint::black_box;

use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{PacketBuildResult, PacketBuilder, PacketData};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, v3_1_1, v5_0};

use crate::Peer;

/// A version of mqtt-protocol-core 0.7: its builder copies every packet out of the input, its encoder returns a `Vec`.
macro_rules! peer {
    ($name:ident, $read:ident) => {
        pub struct $name;

        impl Peer for $name {
            const NAME: &'static str = "mqtt_protocol_core";
            const OWNED: bool = true;
            type Input = &'static [u8];
            type Packet = Packet;
            type Output = Vec<u8>;

            fn input(bytes: &'static [u8]) -> &'static [u8] {
                bytes
            }

            fn decode(input: &mut &'static [u8]) -> usize {
                let mut builder = PacketBuilder::new();
                let mut src = Cursor::new(black_box(*input));
                let mut count = 0;
                while (src.position() as usize) < src.get_ref().len() {
                    let packet = $read(&mut builder, &mut src);
                    black_box(&packet);
                    count += 1;
                }
                count
            }

            fn packets(bytes: &'static [u8]) -> Vec<Packet> {
                let mut builder = PacketBuilder::new();
                let mut src = Cursor::new(bytes);
                let mut out = Vec::new();
                while (src.position() as usize) < src.get_ref().len() {
                    out.push($read(&mut builder, &mut src));
                }
                out
            }

            fn output(len: usize) -> Vec<u8> {
                Vec::with_capacity(len)
            }

            fn encode(packets: &mut Vec<Packet>, out: &mut Vec<u8>) -> usize {
                out.clear();
                for packet in packets.iter() {
                    out.extend_from_slice(&packet.to_continuous_buffer());
                }
                out.len()
            }
        }
    };
}

fn raw(builder: &mut PacketBuilder, src: &mut Cursor<&[u8]>) -> mqtt_protocol_core::mqtt::connection::RawPacket {
    match builder.feed(src) {
        PacketBuildResult::Complete(raw) => raw,
        other => panic!("{other:?}"),
    }
}

fn read3(builder: &mut PacketBuilder, src: &mut Cursor<&[u8]>) -> Packet {
    let raw = raw(builder, src);
    let whole = "a valid packet";
    match (raw.packet_type(), &raw.data) {
        (3, PacketData::Publish(body)) => v3_1_1::Publish::parse(raw.flags(), body.clone()).expect(whole).0.into(),
        (1, _) => raw.parse_exact(v3_1_1::Connect::parse).expect(whole).into(),
        (4, _) => raw.parse_exact(v3_1_1::Puback::parse).expect(whole).into(),
        (8, _) => raw.parse_exact(v3_1_1::Subscribe::parse).expect(whole).into(),
        (12, _) => raw.parse_exact(v3_1_1::Pingreq::parse).expect(whole).into(),
        (other, _) => panic!("no case has type {other}"),
    }
}

fn read5(builder: &mut PacketBuilder, src: &mut Cursor<&[u8]>) -> Packet {
    let raw = raw(builder, src);
    match (raw.packet_type(), &raw.data) {
        (3, PacketData::Publish(body)) => {
            v5_0::Publish::parse(raw.flags(), body.clone()).expect("a valid packet").0.into()
        }
        (other, _) => panic!("no case has type {other}"),
    }
}

peer!(ProtocolCore3, read3);
peer!(ProtocolCore5, read5);
