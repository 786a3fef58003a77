//! Every normative statement of MQTT 3.1.1 and 5.0: what it asks of the wire, and the test that proves it.

mod behaviour;
mod cases;
mod manifest;
mod violations;

use bytes::BytesMut;
use cases::Verdict;
use lmq_codec::{DecodeError, Decoded, Decoder, Packet, Split, Step, Version, split};

fn judge(bytes: &[u8], version: Version) -> Result<Packet<'_>, DecodeError> {
    match split(bytes, 1 << 20)? {
        Split::Frame { frame, rest } => {
            assert!(rest.is_empty(), "one packet per case");
            Packet::decode(frame, version)
        }
        Split::Need(more) => panic!("{more} bytes are missing in {bytes:02x?}"),
    }
}

#[test]
fn every_case_is_judged_as_written() {
    let cases = cases::all();
    assert!(cases.len() > 4_000, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let found = match judge(&case.bytes, case.version) {
            Ok(_) => Verdict::Accept,
            Err(error) => Verdict::Reject(error.violation(), error.offset()),
        };
        if found != case.verdict {
            wrong.push(format!(
                "{} {}: {:02x?} is {:?}, not {found:?}",
                case.version, case.statement, case.bytes, case.verdict
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

#[test]
fn what_is_accepted_is_written_again_and_means_the_same() {
    for case in cases::all() {
        let Ok(packet) = judge(&case.bytes, case.version) else {
            continue;
        };
        let version = if let Packet::Connect(connect) = &packet { connect.version } else { case.version };
        let mut again = Vec::new();
        packet.encoder(version).unwrap_or_else(|e| panic!("{e}: {:02x?}", case.bytes)).write(&mut again);
        assert_eq!(judge(&again, case.version).as_ref(), Ok(&packet), "{:02x?}", case.bytes);
    }
}

#[test]
fn every_cut_of_a_case_waits_or_is_refused_but_never_accepted() {
    for case in cases::all() {
        for end in 0..case.bytes.len() {
            match split(&case.bytes[..end], 1 << 20) {
                Ok(Split::Need(more)) => {
                    assert!(more > 0 && end + more <= case.bytes.len(), "{more} more of {:02x?}", &case.bytes[..end])
                }
                Ok(Split::Frame { .. }) => {
                    panic!("half a packet passed: {:02x?}", &case.bytes[..end])
                }
                Err(error) => assert_eq!(Verdict::Reject(error.violation(), error.offset()), case.verdict),
            }
        }
    }
}

#[test]
fn a_decoder_judges_as_one_packet_alone_is_judged() {
    for case in cases::all() {
        let (bytes, alone) = (&case.bytes[..], judge(&case.bytes, case.version));
        let found = Decoder::any(case.version, 1 << 20).step(bytes);
        assert_eq!(found, alone.map(|packet| Step::Packet { packet, rest: &[] }), "{bytes:02x?}");
        let mut src = BytesMut::from(bytes);
        match Decoder::any(case.version, 1 << 20).decode(&mut src) {
            Ok(Some(Decoded::Packet(packet))) => assert_eq!(Ok(packet.packet()), alone),
            Ok(other) => panic!("{other:?} in {bytes:02x?}"),
            Err(error) => assert_eq!(Err(error), alone),
        }
    }
}

/// A PUBLISH in chunks is judged by its head, as soon as that is there and never later than the packet ends.
#[test]
fn chunks_judge_as_the_whole_is_judged() {
    for case in cases::all().iter().filter(|case| case.bytes[0] >> 4 == 3) {
        let (bytes, alone) = (&case.bytes[..], judge(&case.bytes, case.version));
        for end in 0..=bytes.len() {
            match Decoder::any(case.version, 1 << 20).chunks_over(0).step(&bytes[..end]) {
                Ok(Step::Need(more)) => {
                    assert!(more > 0 && end < bytes.len(), "{more} more of {bytes:02x?}");
                    assert!(end + more <= bytes.len(), "{more} more than {end} of {bytes:02x?}");
                }
                Ok(Step::Head { publish, payload_len, rest }) => {
                    let Ok(Packet::Publish(whole)) = alone else { panic!("{bytes:02x?} passed: {alone:?}") };
                    assert_eq!((payload_len as usize, publish.payload), (whole.payload.len(), &[][..]));
                    assert!(whole.payload.starts_with(rest));
                    assert_eq!(lmq_codec::Publish { payload: whole.payload, ..publish }, whole);
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    let alone = alone.expect_err("a head that is wrong is wrong in the whole");
                    let (found, expected) = ((error.violation(), error.offset()), (alone.violation(), alone.offset()));
                    // A head that claims more than there is: at the end of the packet, wherever it was to begin.
                    let cut = error.violation() == alone.violation() && error.offset() == bytes.len();
                    assert!(found == expected || cut, "{found:?}, not {expected:?}, in {end} bytes of {bytes:02x?}");
                }
            }
        }
    }
}

#[test]
fn all_ways_to_write_a_packet_write_the_same() {
    for case in cases::all() {
        let Ok(packet) = judge(&case.bytes, case.version) else { continue };
        let version = if let Packet::Connect(connect) = &packet { connect.version } else { case.version };
        let (mut written, mut encoded, mut in_parts) = (Vec::new(), Vec::new(), Vec::new());
        let encoder = packet.encoder(version).unwrap();
        encoder.write(&mut written);
        packet.encode(version, &mut encoded).unwrap();
        let payload = encoder.write_head(&mut in_parts);
        assert_eq!(payload, if let Packet::Publish(p) = &packet { p.payload } else { &[] });
        in_parts.extend_from_slice(payload);
        let mut room = vec![0; written.len()];
        assert_eq!(encoder.write_to_slice(&mut room).as_deref(), Some(&written[..]));
        assert_eq!((&encoded, &in_parts), (&written, &written), "{packet:?}");
    }
}
