use std::hint::black_box;

use ntex_bytes::{BytePageSize, BytePages, BytesMut};
use ntex_codec::{Decoder as _, Encoder as _};

use crate::Peer;

/// A version of ntex-mqtt 9; its codec reads from and writes to buffers of its own kind and takes values to encode.
macro_rules! peer {
    ($name:ident, $module:ident) => {
        pub struct $name;

        impl Peer for $name {
            const NAME: &'static str = "ntex_mqtt";
            const OWNED: bool = true;
            type Input = (ntex_mqtt::$module::codec::Codec, BytesMut);
            type Packet = ntex_mqtt::$module::codec::Encoded;
            type Output = BytePages;

            fn input(bytes: &'static [u8]) -> Self::Input {
                let mut src = BytesMut::with_capacity(bytes.len());
                src.extend_from_slice(bytes);
                (ntex_mqtt::$module::codec::Codec::new(), src)
            }

            fn decode((codec, src): &mut Self::Input) -> usize {
                let mut count = 0;
                while !src.is_empty() {
                    match &codec.decode(src) {
                        Ok(Some(packet)) => black_box(packet),
                        other => panic!("{other:?}"),
                    };
                    count += 1;
                }
                count
            }

            fn packets(bytes: &'static [u8]) -> Vec<Self::Packet> {
                use ntex_mqtt::$module::codec::{Decoded, Encoded};
                let (codec, mut src) = Self::input(bytes);
                let mut out = Vec::new();
                while !src.is_empty() {
                    out.push(match codec.decode(&mut src).expect("a valid packet").expect("a whole packet") {
                        Decoded::Packet(packet, _) => Encoded::Packet(packet),
                        Decoded::Publish(publish, payload, _) => Encoded::Publish(publish, Some(payload)),
                        Decoded::PayloadChunk(..) => panic!("the input is whole"),
                    });
                }
                out
            }

            fn output(_: usize) -> BytePages {
                BytePages::new(BytePageSize::Size64)
            }

            fn encode(packets: &mut Vec<Self::Packet>, out: &mut BytePages) -> usize {
                let codec = ntex_mqtt::$module::codec::Codec::new();
                while out.take().is_some() {}
                for packet in packets.drain(..) {
                    codec.encodev(packet, out).expect("encodable");
                }
                out.len()
            }
        }
    };
}

peer!(Ntex3, v3);
peer!(Ntex5, v5);
