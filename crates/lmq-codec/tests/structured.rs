//! Packets that `arbitrary` makes are legal whatever bytes they come from.

use arbitrary::{Arbitrary, Unstructured};
use lmq_codec::{OwnedPacket, Packet, PacketType, Split, Version, split};
use proptest::prelude::*;

proptest! {
    #[test]
    fn arbitrary_packets_are_written_and_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let Ok(packet) = OwnedPacket::arbitrary(&mut Unstructured::new(&bytes)) else { return Ok(()) };
        let mut out = Vec::new();
        packet.packet().encoder(Version::V5_0).unwrap().write(&mut out);
        let Ok(Split::Frame { frame, rest: [] }) = split(&out, u32::MAX) else { panic!() };
        prop_assert_eq!(Packet::decode(frame, Version::V5_0).unwrap(), packet.packet());
    }
}

#[test]
fn every_type_comes_up() {
    let mut seen = std::collections::BTreeSet::new();
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..60)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        if let Ok(packet) = OwnedPacket::arbitrary(&mut Unstructured::new(&bytes)) {
            seen.insert(packet.packet().packet_type());
        }
    }
    assert_eq!(seen.len(), PacketType::Auth as usize);
}
