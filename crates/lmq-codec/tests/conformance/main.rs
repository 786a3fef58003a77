//! Every normative statement of MQTT 3.1.1 and 5.0: what it asks of the wire, and the test that proves it.

mod behaviour;
mod cases;
mod manifest;

use cases::Verdict;
use lmq_codec::{DecodeError, Packet, Split, Version, split};

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
