//! Decoding owned packets allocates once for a read buffer, not once for a packet.

#[path = "stream/mod.rs"]
mod stream;

use bytes::BytesMut;
use lmq_codec::{Decoded, Decoder, Packet, Version};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

fn main() {
    for version in [Version::V3_1_1, Version::V5_0] {
        let bytes = stream::bytes(version);
        let mut src = BytesMut::from(&bytes[..]);
        let mut kept = Vec::with_capacity(stream::PACKETS);
        let region = Region::new(GLOBAL);
        let mut decoder = Decoder::server(1 << 20);
        while let Some(Decoded::Packet(packet)) = decoder.decode(&mut src).unwrap() {
            kept.push(packet);
        }
        let change = region.change();
        assert!(change.allocations <= 1 && change.reallocations == 0, "{change:?}");
        assert_eq!(kept.len(), stream::PACKETS);
        drop(src);
        let first: Vec<_> = kept.iter().map(|p| p.packet().packet_type()).collect();
        assert_eq!(first.iter().filter(|t| **t == lmq_codec::PacketType::Publish).count(), 2 * stream::ROUNDS);
        let Packet::Publish(publish) = kept[stream::PACKETS - 2].packet() else { panic!() };
        assert_eq!(publish.payload, [b'p'; 64]);
        println!("{version}: {} owned packets, {} allocation", kept.len(), change.allocations);
    }
}
