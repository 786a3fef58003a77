//! The duties of a client that holds tokens, one by one, then all of them in long random runs.

use lmq_auth::keeper::{Carrier, ClientOutput, ClientTokens, ClosedBy};
use lmq_auth::{Token, TokenPassword};
use lmq_id::Access;
use proptest::prelude::*;

use ClientOutput::{Connect, Discard, Fetch, Ready, Save, Upload};

const NOW: u64 = 1_542_700_000_000;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const R: Access = Access::Read;
const RW: Access = Access::ReadWrite;

fn token(text: &str) -> Token {
    text.parse().unwrap()
}

fn outputs(client: &mut ClientTokens) -> Vec<ClientOutput> {
    std::iter::from_fn(|| client.poll_output()).collect()
}

/// A client that connected at `NOW` with one token, good for an hour.
fn ready(carrier: Carrier) -> ClientTokens {
    let mut client = ClientTokens::new(&[RW], carrier);
    client.handle_timeout(NOW);
    client.handle_token(NOW, RW, token("t"), NOW + HOUR);
    client.handle_connected(NOW);
    client.handle_uploaded(NOW, RW);
    assert_eq!(outputs(&mut client).last(), Some(&Ready));
    assert!(client.is_ready());
    client
}

#[test]
fn nothing_is_sent_before_every_upload_has_its_puback() {
    let mut client = ClientTokens::new(&[RW, R], Carrier::Upload);
    client.handle_timeout(NOW);
    assert_eq!(outputs(&mut client), [Fetch(R), Fetch(RW)]);
    client.handle_token(NOW, RW, token("both"), NOW + HOUR);
    assert_eq!(outputs(&mut client), [Save(RW)], "the other one is missing");
    client.handle_token(NOW, R, token("read"), NOW + HOUR);
    assert_eq!(outputs(&mut client), [Save(R), Connect]);
    client.handle_connected(NOW);
    assert_eq!(outputs(&mut client), [Upload(R)]);
    client.handle_uploaded(NOW, RW); // nobody sent that
    assert_eq!((outputs(&mut client), client.is_ready()), (vec![], false));
    client.handle_uploaded(NOW, R);
    assert_eq!((outputs(&mut client), client.is_ready()), (vec![Upload(RW)], false));
    client.handle_uploaded(NOW, RW);
    assert_eq!((outputs(&mut client), client.is_ready()), (vec![Ready], true));
}

#[test]
fn a_password_carries_all_tokens() {
    let mut client = ClientTokens::new(&Access::ALL, Carrier::Password);
    for (access, text) in [(R, "123"), (Access::Write, "abcd"), (RW, "xxx")] {
        client.restore(NOW, access, token(text), NOW + HOUR);
    }
    client.handle_timeout(NOW);
    assert_eq!(outputs(&mut client), [Connect], "saved tokens need no application");
    assert_eq!(client.password().as_str(), "R|123|W|abcd|RW|xxx");
    assert!(TokenPassword::parse(client.password().as_bytes()).is_ok());
    client.handle_connected(NOW);
    assert_eq!(outputs(&mut client), [Ready]);
}

#[test]
fn an_expiry_notice_brings_a_new_token_on_the_same_connection() {
    for carrier in [Carrier::Password, Carrier::Upload] {
        let mut client = ready(carrier);
        let now = NOW + 20 * MINUTE;
        client.handle_expire_notice(now, RW, now + 5 * MINUTE);
        assert_eq!(outputs(&mut client), [Fetch(RW)]);
        assert!(client.is_ready(), "the old one is good for five minutes");
        client.handle_token(now, RW, token("new"), now + HOUR);
        assert_eq!((outputs(&mut client), client.is_ready()), (vec![Save(RW), Upload(RW)], false));
        client.handle_expire_notice(now, RW, NOW + HOUR); // crossed the upload: about the old one
        assert_eq!(outputs(&mut client), []);
        client.handle_uploaded(now, RW);
        assert!(client.is_ready());
        assert_eq!(client.token(RW).unwrap().expires, now + HOUR);
    }
}

#[test]
fn a_notice_that_is_lost_is_not_missed() {
    let mut client = ready(Carrier::Upload);
    assert_eq!(client.poll_timeout(), Some(NOW + 54 * MINUTE));
    client.handle_timeout(NOW + 54 * MINUTE);
    assert_eq!(outputs(&mut client), [Fetch(RW)]);
}

#[test]
fn an_invalid_token_is_applied_for_again_before_the_next_connection() {
    let mut client = ready(Carrier::Upload);
    client.handle_invalid_notice(NOW + 1, RW);
    assert_eq!((outputs(&mut client), client.is_ready()), (vec![Discard(RW), Fetch(RW)], false));
    client.handle_closed(NOW + 2, ClosedBy::Network);
    client.handle_timeout(NOW + 5 * SECOND);
    assert_eq!(outputs(&mut client), []);
    assert_eq!(client.poll_timeout(), Some(NOW + 1 + 10 * SECOND), "waits for the application server only");
    client.handle_token(NOW + 6 * SECOND, RW, token("new"), NOW + HOUR);
    assert_eq!(outputs(&mut client), [Save(RW), Connect]);
}

#[test]
fn a_reconnect_looks_at_the_token_first() {
    // Good for long: connect, and upload again.
    let mut client = ready(Carrier::Upload);
    client.handle_closed(NOW + MINUTE, ClosedBy::Network);
    assert_eq!((outputs(&mut client), client.poll_timeout()), (vec![], Some(NOW + MINUTE + SECOND)));
    client.handle_timeout(NOW + MINUTE + SECOND);
    client.handle_connected(NOW + MINUTE + SECOND);
    assert_eq!(outputs(&mut client), [Connect, Upload(RW)]);

    // Near its end: a new one first; the old one only if there is none to be had.
    let late = NOW + 56 * MINUTE;
    let mut client = ready(Carrier::Upload);
    client.handle_closed(late, ClosedBy::Network);
    client.handle_timeout(late + SECOND);
    assert_eq!(outputs(&mut client), [Fetch(RW)]);
    let mut without = client.clone();
    client.handle_token(late + SECOND, RW, token("new"), late + HOUR);
    assert_eq!(outputs(&mut client), [Save(RW), Connect]);
    without.handle_no_token(late + SECOND, RW);
    assert_eq!(outputs(&mut without), [Connect]);
    assert_eq!(without.token(RW).unwrap().token.expose(), "t");
}

#[test]
fn a_refused_password_is_not_tried_again() {
    let mut client = ClientTokens::new(&[RW], Carrier::Password);
    client.restore(NOW, RW, token("stale"), NOW + HOUR);
    client.handle_timeout(NOW);
    client.handle_closed(NOW, ClosedBy::Refusal);
    assert_eq!(outputs(&mut client), [Connect, Discard(RW), Fetch(RW)]);
    assert!(client.token(RW).is_none());
}

#[test]
fn a_token_that_comes_while_connecting_is_uploaded_after() {
    let mut client = ClientTokens::new(&[RW], Carrier::Password);
    client.restore(NOW, RW, token("old"), NOW + HOUR);
    client.handle_timeout(NOW);
    client.handle_token(NOW, RW, token("new"), NOW + HOUR);
    client.handle_connected(NOW);
    assert_eq!(outputs(&mut client), [Connect, Save(RW), Upload(RW)]);
}

#[test]
fn failures_are_followed_by_longer_pauses() {
    let mut client = ClientTokens::new(&[RW], Carrier::Upload);
    let mut now = NOW;
    client.handle_timeout(now);
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(outputs(&mut client), [Fetch(RW)]);
        client.handle_no_token(now, RW);
        assert_eq!(client.poll_timeout(), Some(now + pause * SECOND));
        client.handle_timeout(now + pause * SECOND - 1);
        assert_eq!(outputs(&mut client), []);
        now += pause * SECOND;
        client.handle_timeout(now);
    }
    // Connections that do not last are tried ever more slowly, until one lasts a minute.
    let mut client = ready(Carrier::Upload);
    let mut now = NOW;
    for (lasted, pause) in [(0, 1), (0, 2), (59, 4), (60, 1), (0, 2)] {
        now += lasted * SECOND;
        client.handle_closed(now, ClosedBy::Network);
        now += pause * SECOND;
        client.handle_timeout(now - 1);
        assert!(!outputs(&mut client).contains(&Connect), "{pause}");
        client.handle_timeout(now);
        assert!(outputs(&mut client).contains(&Connect), "{pause}");
        client.handle_connected(now);
        outputs(&mut client);
    }
}

#[test]
fn a_token_that_has_expired_is_none() {
    let mut client = ClientTokens::new(&[RW], Carrier::Upload);
    client.restore(NOW, RW, token("old"), NOW);
    client.restore(NOW, R, token("unwanted"), NOW + HOUR);
    client.handle_timeout(NOW);
    assert_eq!(outputs(&mut client), [Fetch(RW)]);
    client.handle_token(NOW, RW, token("old"), NOW);
    assert_eq!((outputs(&mut client), client.poll_timeout()), (vec![], Some(NOW + SECOND)));
    assert!(client.token(RW).is_none() && client.token(R).is_none());
}

#[test]
fn tokens_are_not_shown() {
    assert!(!format!("{:?}", ready(Carrier::Password)).contains("\"t\""));
}

proptest! {
    #[test]
    fn long_runs(password in any::<bool>(), steps in prop::collection::vec((0_u8..9, any::<bool>(), 0_u64..10 * MINUTE), 1..300)) {
        let carrier = if password { Carrier::Password } else { Carrier::Upload };
        let mut client = ClientTokens::new(&[R, RW], carrier);
        let (mut now, mut connecting, mut up, mut pending) = (NOW, false, false, Vec::new());
        client.handle_timeout(now);
        for (step, which, time) in steps {
            let access = if which { R } else { RW };
            match step {
                0 => client.handle_token(now, access, token("t"), now + time),
                1 => client.handle_no_token(now, access),
                2 if connecting => { (connecting, up) = (false, true); client.handle_connected(now) }
                3 => if let Some(access) = pending.pop() { client.handle_uploaded(now, access) },
                4 if connecting || up => {
                    (connecting, up) = (false, false);
                    pending.clear();
                    client.handle_closed(now, if which { ClosedBy::Network } else { ClosedBy::Refusal });
                }
                5 if up => client.handle_expire_notice(now, access, now + 5 * MINUTE),
                6 if up => client.handle_invalid_notice(now, access),
                _ => now += time,
            }
            client.handle_timeout(now);
            prop_assert!(client.poll_timeout().is_none_or(|at| at > now), "does not spin: {:?}", client);
            while let Some(output) = client.poll_output() {
                match output {
                    Connect => {
                        prop_assert!(!connecting && !up, "one connection at a time");
                        connecting = true;
                    }
                    Upload(access) => {
                        prop_assert!(up && pending.is_empty(), "one upload at a time");
                        pending.push(access);
                    }
                    Ready => prop_assert!(up && pending.is_empty()),
                    Fetch(_) | Save(_) | Discard(_) => {}
                }
            }
            prop_assert!(!client.is_ready() || up && pending.is_empty());
        }
    }
}
