//! Decoding borrowed packets and encoding into a buffer with room allocates nothing.

#[path = "stream/mod.rs"]
mod stream;

use lmq_codec::{Decoder, Packet, Step, Version};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

fn main() {
    for version in [Version::V3_1_1, Version::V5_0] {
        let bytes = stream::bytes(version);
        let mut out = Vec::with_capacity(bytes.len());
        let region = Region::new(GLOBAL);
        let mut decoder = Decoder::server(1 << 20);
        let (mut rest, mut count, mut entries) = (&bytes[..], 0, 0);
        while let Ok(Step::Packet { packet, rest: next }) = decoder.step(rest) {
            if let Packet::Subscribe(subscribe) = &packet {
                entries += subscribe.filters.count();
            }
            if let Packet::Publish(publish) = &packet {
                entries += publish.properties.iter().count();
            }
            packet.encoder(version).unwrap().write(&mut out);
            (rest, count) = (next, count + 1);
        }
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
        assert_eq!(count, stream::PACKETS);
        assert!(entries > 100);
        assert_eq!(out, bytes);
        println!("{version}: {count} packets read and written, no allocation");
    }
}
