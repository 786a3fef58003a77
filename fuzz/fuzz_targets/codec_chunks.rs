//! A stream cut anywhere gives the packets, and the error, of the stream in one piece; payloads in chunks join to the same bytes.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use lmq_codec::{Decoded, Decoder, Step, Version};

/// What came out: packets as text with their payload, and the violation at the end.
fn pieces(mut decoder: Decoder, src: &[u8], mut cut: impl FnMut() -> usize) -> (Vec<String>, Option<String>) {
    let mut out = Vec::new();
    let mut buffer = BytesMut::new();
    let mut open: Option<(String, Vec<u8>)> = None;
    let mut at = 0;
    loop {
        loop {
            let before = buffer.capacity();
            match decoder.decode(&mut buffer) {
                Ok(Some(Decoded::Packet(packet))) => {
                    let payload = packet.payload().unwrap_or_default();
                    let text = match packet.packet() {
                        lmq_codec::Packet::Publish(p) => format!("{:?}", lmq_codec::Publish { payload: &[], ..p }),
                        other => format!("{other:?}"),
                    };
                    out.push(format!("{text} {payload:?}"));
                }
                Ok(Some(Decoded::Head { publish, payload_len })) => {
                    assert!(open.is_none());
                    let lmq_codec::Packet::Publish(p) = publish.packet() else { panic!("a head is a PUBLISH") };
                    let text = format!("{p:?}");
                    if payload_len == 0 {
                        out.push(format!("{text} {:?}", bytes::Bytes::new()));
                    } else {
                        open = Some((text, Vec::new()));
                    }
                }
                Ok(Some(Decoded::Payload { bytes, left })) => {
                    let (text, mut payload) = open.take().expect("a payload follows a head");
                    assert!(!bytes.is_empty());
                    payload.extend_from_slice(&bytes);
                    if left == 0 {
                        out.push(format!("{text} {:?}", bytes::Bytes::from(payload)));
                    } else {
                        open = Some((text, payload));
                    }
                }
                Ok(None) => break,
                Err(error) => return (out, Some(format!("{:?}", error.violation()))),
            }
            assert!(buffer.capacity() <= before, "the decoder reserves nothing");
        }
        if at == src.len() {
            return (out, None);
        }
        let end = (at + cut()).min(src.len());
        buffer.extend_from_slice(&src[at..end]);
        at = end;
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(([mode, seed, chunk], src)) = data.split_first_chunk::<3>() else { return };
    let decoder = || match mode % 4 {
        0 => Decoder::client(Version::V3_1_1, 1 << 16),
        1 => Decoder::client(Version::V5_0, 1 << 16),
        _ => Decoder::server(1 << 16),
    };
    let mut state = u32::from(*seed);
    let mut cut = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as usize % 9 + 1
    };
    let whole = pieces(decoder(), src, || usize::MAX / 2);
    let parts = pieces(decoder(), src, &mut cut);
    assert_eq!(whole, parts);
    let chunked = pieces(decoder().chunks_over(u32::from(*chunk)), src, &mut cut);
    assert_eq!(whole.0, chunked.0);
    if let (Some(whole), None) = (&whole.1, &chunked.1) {
        panic!("only the whole decode found {whole}");
    }
    if let (None, Some(error)) = (&whole.1, &chunked.1) {
        // In chunks the head is judged before the packet is complete.
        let mut decoder = decoder();
        let mut rest = src;
        while let Ok(Step::Packet { rest: next, .. }) = decoder.step(rest) {
            rest = next;
        }
        assert!(matches!(rest.first(), Some(0x30..=0x3f)), "only the chunked decode found {error}");
    }
});
