//! Each thing a ledger notices.

mod retained;
mod shared;

use super::*;
use crate::clock::SECOND;

const TOPIC: &str = "sim/0";

fn rules(store_fails: bool) -> Rules {
    Rules {
        stored_qos_max: QoS::ExactlyOnce,
        store_fails,
        shards: 1,
        uplink: false,
        uplink_fails: false,
        siblings_late: false,
        wall_jumps: false,
        retained_limited: false,
        live_overtakes: false,
    }
}

fn terms(qos: QoS) -> Terms {
    Terms { qos, as_published: false }
}

fn ledger(store_fails: bool) -> Ledger {
    let mut ledger = Ledger::new(rules(store_fails), &[true, true]);
    ledger.declare(1, Some("sim/#"), terms(QoS::ExactlyOnce));
    ledger.connected(1, true);
    ledger.subscribed(1, Some("sim/#"));
    ledger
}

fn sent(qos: QoS) -> Sent {
    Sent { publisher: 0, way: Way::Topic(TOPIC.into()), qos, length: 10, expiry: None, retain: false }
}

fn publish(ledger: &mut Ledger, qos: QoS) -> u64 {
    ledger.publish(sent(qos))
}

fn arrival(number: u64, qos: QoS) -> Arrival {
    Arrival {
        receiver: 1,
        number: Some(number),
        topic: TOPIC.into(),
        qos,
        retain: false,
        length: 10,
        intact: true,
        dup: false,
        expiry: None,
        version5: true,
    }
}

fn checker(result: Result<(), Violation>) -> Option<Checker> {
    result.err().map(|violation| violation.checker)
}

#[test]
fn an_acknowledged_message_that_is_not_kept_is_noticed() {
    let mut ledger = ledger(false);
    let number = publish(&mut ledger, QoS::AtLeastOnce);
    assert_eq!(checker(ledger.acked(number, |_| true)), None);
    assert_eq!(checker(ledger.acked(number, |_| false)), Some(Checker::AckedMeansStored));
}

#[test]
fn an_acknowledged_message_that_does_not_arrive_is_noticed_unless_it_was_given_up() {
    let mut ledger = ledger(false);
    let number = publish(&mut ledger, QoS::AtLeastOnce);
    assert_eq!(checker(ledger.check_delivered()), None);
    ledger.acked(number, |_| true).unwrap();
    assert_eq!(checker(ledger.check_delivered()), Some(Checker::Delivered));
    ledger.excuse(1, number);
    assert_eq!(checker(ledger.check_delivered()), None);
}

#[test]
fn a_message_lost_from_memory_must_have_been_reported() {
    let mut ledger = Ledger::new(rules(false), &[true, false]);
    ledger.declare(1, Some("sim/#"), terms(QoS::AtLeastOnce));
    ledger.connected(1, true);
    ledger.subscribed(1, Some("sim/#"));
    let number = publish(&mut ledger, QoS::AtLeastOnce);
    ledger.acked(number, |_| false).unwrap();
    assert_eq!(checker(ledger.check_delivered()), Some(Checker::Delivered));
    ledger.dropped(1, 1);
    assert_eq!(checker(ledger.check_delivered()), None);
}

#[test]
fn a_message_that_is_overtaken_is_noticed() {
    let mut ledger = ledger(false);
    let (first, second) = (publish(&mut ledger, QoS::AtLeastOnce), publish(&mut ledger, QoS::AtLeastOnce));
    ledger.delivered(&arrival(second, QoS::AtLeastOnce)).unwrap();
    assert_eq!(checker(ledger.delivered(&arrival(first, QoS::AtLeastOnce))), Some(Checker::Order));
    // A second delivery is no first one.
    assert_eq!(checker(ledger.delivered(&arrival(second, QoS::AtLeastOnce))), None);
}

#[test]
fn where_stores_fail_a_message_counts_from_its_latest_try() {
    let mut ledger = ledger(true);
    let (first, second) = (publish(&mut ledger, QoS::AtLeastOnce), publish(&mut ledger, QoS::AtLeastOnce));
    ledger.delivered(&arrival(second, QoS::AtLeastOnce)).unwrap();
    ledger.resend(first);
    assert_eq!(checker(ledger.delivered(&arrival(first, QoS::AtLeastOnce))), None);
}

#[test]
fn a_qos_2_message_that_comes_twice_is_noticed() {
    let mut ledger = ledger(false);
    let number = publish(&mut ledger, QoS::ExactlyOnce);
    ledger.delivered(&arrival(number, QoS::ExactlyOnce)).unwrap();
    ledger.crashed();
    assert_eq!(checker(ledger.delivered(&arrival(number, QoS::ExactlyOnce))), Some(Checker::ExactlyOnce));
    // Another session is another life.
    ledger.connected(1, true);
    assert_eq!(checker(ledger.delivered(&arrival(number, QoS::ExactlyOnce))), None);
}

#[test]
fn a_message_nobody_sent_or_wanted_is_noticed() {
    let mut ledger = ledger(false);
    let number = publish(&mut ledger, QoS::AtLeastOnce);
    let wrong = [
        arrival(number + 1, QoS::AtLeastOnce),
        arrival(number, QoS::ExactlyOnce),
        Arrival { receiver: 0, ..arrival(number, QoS::AtLeastOnce) },
        Arrival { length: 9, ..arrival(number, QoS::AtLeastOnce) },
        Arrival { intact: false, ..arrival(number, QoS::AtLeastOnce) },
    ];
    for arrival in &wrong {
        assert_eq!(checker(ledger.delivered(arrival)), Some(Checker::Content));
    }
}

#[test]
fn the_time_of_a_message_is_noticed() {
    let mut ledger = ledger(false);
    let number = ledger.publish(Sent { expiry: Some(10), ..sent(QoS::AtLeastOnce) });
    ledger.acked(number, |_| true).unwrap();
    (ledger.now, ledger.receivers[1].accepted_at) = (4 * SECOND, Some(4_500_000));
    let carries = |expiry, version5| Arrival { expiry, version5, ..arrival(number, QoS::AtLeastOnce) };
    for (expiry, version5) in [(None, true), (Some(7), true), (Some(6), false)] {
        assert_eq!(checker(ledger.delivered(&carries(expiry, version5))), Some(Checker::Expiry));
    }
    assert_eq!(checker(ledger.check_delivered()), Some(Checker::Delivered));
    (ledger.now, ledger.receivers[1].accepted_at) = (11 * SECOND, Some(11 * SECOND));
    assert_eq!(checker(ledger.delivered(&carries(Some(0), true))), Some(Checker::Expiry));
    // Missing, and reported.
    ledger.dropped(1, 1);
    assert_eq!(checker(ledger.check_delivered()), None);
    ledger.receivers[1].accepted_at = Some(4_500_000);
    assert_eq!(checker(ledger.delivered(&carries(Some(6), true))), None);
}

#[test]
fn a_will_that_must_not_come_or_does_not_come_is_noticed() {
    let leave = |ledger: &mut Ledger| ledger.leave_will(sent(QoS::AtLeastOnce));
    let come = |ledger: &mut Ledger, number| checker(ledger.delivered(&arrival(number, QoS::AtLeastOnce)));
    let back = Return { away: None, clean: false, unsure: false };
    let mut ledger = ledger(false);
    let [open, cleared, lost, early, late] = std::array::from_fn(|_| leave(&mut ledger));
    ledger.will_cleared(cleared);
    ledger.will_lost(lost, 0, 0);
    ledger.will_lost(early, 5 * SECOND, 5 * SECOND);
    assert_eq!([open, cleared, early].map(|number| come(&mut ledger, number)), [Some(Checker::Will); 3]);
    ledger.now = 4 * SECOND;
    assert_eq!(ledger.returned(0, back, 0), 1);
    ledger.now = 6 * SECOND;
    assert_eq!(come(&mut ledger, early), Some(Checker::Will));
    assert_eq!(checker(ledger.check_delivered()), Some(Checker::Delivered));
    assert_eq!(come(&mut ledger, lost), None);
    assert_eq!(checker(ledger.check_delivered()), None);
    // Who is away for longer than the delay does not cancel it.
    ledger.will_lost(late, 11 * SECOND, 5 * SECOND);
    ledger.now = 12 * SECOND;
    assert_eq!(ledger.returned(0, Return { away: Some(6 * SECOND), ..back }, 0), 0);
    assert_eq!(checker(ledger.check_delivered()), Some(Checker::Delivered));
    // Nobody was told that it is kept.
    ledger.crashed();
    assert_eq!(checker(ledger.check_delivered()), None);
}

#[test]
fn a_queue_out_of_order_is_noticed_and_live_messages_are_apart_where_they_may_be() {
    let drain = |live_overtakes, come: [(u64, bool); 2]| {
        let mut ledger = Ledger::new(Rules { live_overtakes, ..rules(false) }, &[true]);
        let results = come.map(|(seq, is_live)| checker(ledger.drained(0, QoS::AtLeastOnce, seq, is_live)));
        assert_eq!(results[0], None);
        results[1]
    };
    assert_eq!(drain(true, [(2, false), (1, false)]), Some(Checker::QueueOrder));
    assert_eq!(drain(true, [(1, false), (2, false)]), None);
    assert_eq!(drain(false, [(9, true), (1, false)]), Some(Checker::QueueOrder));
    assert_eq!(drain(true, [(9, true), (1, false)]), None);
}
