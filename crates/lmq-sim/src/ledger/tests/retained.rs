//! What is kept, as a register.

use super::*;

fn kept(qos: QoS) -> Sent {
    Sent { retain: true, ..sent(qos) }
}

fn brought(number: u64) -> Arrival {
    Arrival { retain: true, ..arrival(number, QoS::AtLeastOnce) }
}

/// A message with RETAIN that was acknowledged.
fn write(ledger: &mut Ledger, length: usize) -> u64 {
    let number = ledger.publish(Sent { length, ..kept(QoS::AtLeastOnce) });
    ledger.acked(number, |_| true).unwrap();
    number
}

#[test]
fn a_value_that_was_replaced_before_is_noticed() {
    let mut ledger = ledger(false);
    let (old, new) = (write(&mut ledger, 10), write(&mut ledger, 10));
    let since = ledger.entitle(1, "sim/#");
    assert_eq!(checker(ledger.delivered(&brought(old))), Some(Checker::Retained));
    assert_eq!(checker(ledger.delivered(&brought(new))), None);
    ledger.claim(1, "sim/#", QoS::AtLeastOnce, since);
    assert_eq!(checker(ledger.check_claims()), None);
}

#[test]
fn a_value_that_was_being_written_is_as_good_as_the_last_one() {
    let mut ledger = ledger(false);
    let old = write(&mut ledger, 10);
    let open = ledger.publish(kept(QoS::AtLeastOnce));
    ledger.entitle(1, "sim/#");
    ledger.entitle(1, "sim/0");
    assert_eq!([old, open].map(|number| checker(ledger.delivered(&brought(number)))), [None, None]);
    // More than it asked for.
    let twice = Arrival { qos: QoS::AtMostOnce, ..brought(open) };
    let extra = [0, 1, 2].map(|_| checker(ledger.delivered(&twice)));
    assert_eq!(extra, [None, None, Some(Checker::Retained)]);
}

#[test]
fn a_subscription_that_brings_nothing_is_noticed_unless_it_may_have_found_nothing() {
    for (cleared, wanted) in [(false, Some(Checker::Retained)), (true, None)] {
        let mut ledger = ledger(false);
        write(&mut ledger, 10);
        let since = ledger.entitle(1, "sim/+");
        if cleared {
            write(&mut ledger, 0);
        }
        ledger.claim(1, "sim/+", QoS::AtLeastOnce, since);
        assert_eq!(checker(ledger.check_claims()), wanted);
        ledger.unsubscribed(1, "sim/+");
        assert_eq!(checker(ledger.check_claims()), None);
    }
}

#[test]
fn retain_that_nobody_asked_for_is_noticed_and_so_is_one_that_is_missing() {
    let mut ledger = ledger(false);
    let (plain, number) = (publish(&mut ledger, QoS::AtLeastOnce), write(&mut ledger, 10));
    assert_eq!(checker(ledger.delivered(&brought(number))), Some(Checker::Retained));
    ledger.declare(1, Some("sim/0"), Terms { qos: QoS::AtLeastOnce, as_published: true });
    assert_eq!(checker(ledger.delivered(&brought(number))), None);
    assert_eq!(checker(ledger.delivered(&brought(plain))), Some(Checker::Retained));
    ledger.subscribed(1, Some("sim/0"));
    let number = write(&mut ledger, 10);
    assert_eq!(checker(ledger.delivered(&arrival(number, QoS::AtLeastOnce))), Some(Checker::Retained));
}

#[test]
fn what_is_kept_in_the_end_is_the_last_that_was_written() {
    let mut ledger = ledger(false);
    assert_eq!(checker(ledger.check_kept(TOPIC, None)), None);
    let (old, new) = (write(&mut ledger, 10), write(&mut ledger, 10));
    for wrong in [Some(old), None] {
        assert_eq!(checker(ledger.check_kept(TOPIC, wrong)), Some(Checker::Retained));
    }
    assert_eq!(checker(ledger.check_kept(TOPIC, Some(new))), None);
    write(&mut ledger, 0);
    assert_eq!(checker(ledger.check_kept(TOPIC, Some(new))), Some(Checker::Retained));
    assert_eq!(checker(ledger.check_kept(TOPIC, None)), None);
}

#[test]
fn a_message_without_payload_must_have_been_sent() {
    let mut ledger = ledger(false);
    let empty = |qos| Arrival { number: None, length: 0, intact: false, ..arrival(0, qos) };
    assert_eq!(checker(ledger.delivered(&empty(QoS::AtLeastOnce))), Some(Checker::Content));
    write(&mut ledger, 0);
    assert_eq!(checker(ledger.delivered(&empty(QoS::AtLeastOnce))), None);
    assert_eq!(checker(ledger.delivered(&empty(QoS::ExactlyOnce))), Some(Checker::Content));
}

#[test]
fn who_subscribed_must_know_what_is_kept_in_the_end() {
    let mut ledger = ledger(false);
    let old = write(&mut ledger, 10);
    let open = ledger.publish(kept(QoS::AtLeastOnce));
    let since = ledger.entitle(1, "sim/#");
    ledger.delivered(&brought(old)).unwrap();
    ledger.claim(1, "sim/#", QoS::AtLeastOnce, since);
    // It was being written then.
    assert_eq!(checker(ledger.check_claims()), None);
    assert_eq!(checker(ledger.check_kept(TOPIC, Some(old))), None);
    assert_eq!(checker(ledger.check_kept(TOPIC, Some(open))), Some(Checker::Retained));
    ledger.delivered(&arrival(open, QoS::AtLeastOnce)).unwrap();
    assert_eq!(checker(ledger.check_kept(TOPIC, Some(open))), None);
}

#[test]
fn a_message_between_what_was_brought_and_what_came_behind_it_is_noticed() {
    let mut ledger = ledger(false);
    let old = write(&mut ledger, 10);
    let between = ledger.publish(kept(QoS::AtLeastOnce));
    let since = ledger.entitle(1, "sim/#");
    ledger.delivered(&brought(old)).unwrap();
    ledger.claim(1, "sim/#", QoS::AtLeastOnce, since);
    ledger.acked(between, |_| true).unwrap();
    let last = write(&mut ledger, 10);
    ledger.delivered(&arrival(last, QoS::AtLeastOnce)).unwrap();
    assert_eq!(checker(ledger.check_claims()), Some(Checker::Retained));
    ledger.receivers[1].seen.insert(between, 99);
    assert_eq!(checker(ledger.check_claims()), None);
}
