//! Any bytes in any version: no panic, every list ends, every error points into the packet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmq_codec::{Packet, Properties, Property, Split, Version, split};

fuzz_target!(|data: &[u8]| {
    let Some((first, mut src)) = data.split_first() else { return };
    let version = [Version::V3_1, Version::V3_1_1, Version::V5_0][usize::from(first % 3)];
    loop {
        match split(src, 1 << 16) {
            Ok(Split::Frame { frame, rest }) => {
                assert_eq!(frame.bytes().len() + rest.len(), src.len());
                match Packet::decode(frame, version) {
                    Ok(packet) => walk(&packet),
                    Err(error) => {
                        assert!(error.offset() <= frame.bytes().len());
                        assert!(!error.statement().is_empty());
                        for accepted in [None, Some(Version::V3_1), Some(Version::V3_1_1), Some(Version::V5_0)] {
                            if let Some((version, answer)) = error.server_answer(accepted) {
                                answer.encoder(version).expect("an answer of the version");
                            }
                        }
                        return;
                    }
                }
                src = rest;
            }
            Ok(Split::Need(more)) => {
                assert!(more > 0);
                return;
            }
            Err(error) => {
                assert!(error.offset() <= 4);
                return;
            }
        }
    }
});

/// Reads everything that is read lazily and compares it with the checks of the values themselves.
fn walk(packet: &Packet<'_>) {
    match packet {
        Packet::Connect(p) => {
            texts(&p.properties);
            if let Some(will) = &p.will {
                texts(&will.properties);
                lmq_codec::TopicName::new(will.topic.as_str()).expect("a will topic is a topic name");
            }
        }
        Packet::Publish(p) => {
            texts(&p.properties);
            if let Some(topic) = p.topic {
                lmq_codec::TopicName::new(topic.as_str()).expect("a topic is a topic name");
            }
        }
        Packet::Subscribe(p) => {
            texts(&p.properties);
            assert!(p.filters.count() > 0);
            for (filter, _) in p.filters {
                lmq_codec::TopicFilter::new(filter.as_str()).expect("a filter is a topic filter");
            }
        }
        Packet::Unsubscribe(p) => {
            assert!(p.filters.count() > 0);
            for filter in p.filters {
                lmq_codec::TopicFilter::new(filter.as_str()).expect("a filter is a topic filter");
            }
        }
        Packet::SubAck(p) => assert!(p.reasons.count() > 0),
        _ => {}
    }
}

fn texts(properties: &Properties<'_>) {
    let list: Vec<Property<'_>> = properties.iter().collect();
    assert_eq!(Properties::new(&list).expect("what was read can be built"), *properties);
}
