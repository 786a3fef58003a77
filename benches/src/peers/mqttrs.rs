use std::hint::black_box;

use crate::Peer;

/// mqttrs 0.4: the fastest borrowed decoder measured so far; MQTT 3.1.1 only. It does not say how long a packet was,
/// so its input knows.
pub struct Mqttrs;

fn total(src: &[u8]) -> usize {
    let (mut len, mut at) = (0, 1);
    while src[at] & 0x80 != 0 {
        len |= usize::from(src[at] & 0x7f) << (7 * (at - 1));
        at += 1;
    }
    len |= usize::from(src[at]) << (7 * (at - 1));
    1 + at + len
}

impl Peer for Mqttrs {
    const NAME: &'static str = "mqttrs";
    const OWNED: bool = false;
    type Input = (&'static [u8], Vec<usize>);
    type Packet = mqttrs::Packet<'static>;
    type Output = Vec<u8>;

    fn input(bytes: &'static [u8]) -> Self::Input {
        let mut lens = Vec::new();
        let mut src = bytes;
        while !src.is_empty() {
            lens.push(total(src));
            src = &src[total(src)..];
        }
        (bytes, lens)
    }

    fn decode((bytes, lens): &mut Self::Input) -> usize {
        let mut src = black_box(*bytes);
        for len in lens.iter() {
            match &mqttrs::decode_slice(src) {
                Ok(Some(packet)) => black_box(packet),
                other => panic!("{other:?}"),
            };
            src = &src[*len..];
        }
        lens.len()
    }

    fn packets(bytes: &'static [u8]) -> Vec<Self::Packet> {
        let (mut src, lens) = Self::input(bytes);
        let mut out = Vec::new();
        for len in lens {
            out.push(mqttrs::decode_slice(src).expect("a valid packet").expect("a whole packet"));
            src = &src[len..];
        }
        out
    }

    fn output(len: usize) -> Vec<u8> {
        vec![0; len]
    }

    fn encode(packets: &mut Vec<Self::Packet>, out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        for packet in packets.iter() {
            at += mqttrs::encode_slice(packet, &mut out[at..]).expect("encodable");
        }
        at
    }
}
