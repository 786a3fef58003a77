//! Who of a group gets a message.

use super::*;

const GROUP: &str = "$share/g/sim/#";

/// Client 0 publishes; 1 and 2 are members, with a session that stays or without.
fn group(persistent: bool, qos: QoS) -> Ledger {
    let mut ledger = Ledger::new(rules(false), &[true, persistent, true]);
    for member in [1, 2] {
        ledger.declare(member, Some(GROUP), terms(qos));
        ledger.connected(member, true);
        ledger.subscribed(member, Some(GROUP));
    }
    ledger
}

fn to(receiver: usize, number: u64, qos: QoS) -> Arrival {
    Arrival { receiver, ..arrival(number, qos) }
}

#[test]
fn a_second_member_is_noticed_unless_the_first_was_lost_with_qos_1() {
    for (qos, lost, wanted) in [
        (QoS::AtLeastOnce, false, Some(Checker::SharedOnce)),
        (QoS::AtLeastOnce, true, None),
        (QoS::ExactlyOnce, true, Some(Checker::SharedOnce)),
    ] {
        let mut ledger = group(true, qos);
        let number = publish(&mut ledger, qos);
        ledger.delivered(&to(1, number, qos)).unwrap();
        if lost {
            ledger.disconnected(1);
        }
        assert_eq!(checker(ledger.delivered(&to(2, number, qos))), wanted, "{qos:?}, lost: {lost}");
    }
}

#[test]
fn what_a_lost_connection_still_reads_is_no_second_delivery() {
    let mut ledger = group(true, QoS::AtLeastOnce);
    let number = publish(&mut ledger, QoS::AtLeastOnce);
    ledger.ended(1, true);
    ledger.delivered(&to(1, number, QoS::AtLeastOnce)).unwrap();
    assert_eq!(checker(ledger.delivered(&to(2, number, QoS::AtLeastOnce))), None);
}

#[test]
fn a_message_that_reaches_nobody_is_noticed_where_somebody_must_keep_it() {
    let mut ledger = group(true, QoS::AtLeastOnce);
    let number = publish(&mut ledger, QoS::AtLeastOnce);
    assert_eq!(checker(ledger.acked(number, |_| false)), Some(Checker::AckedMeansStored));
    assert_eq!(checker(ledger.acked(number, |client| client == 2)), None);
    assert_eq!(checker(ledger.check_delivered()), Some(Checker::SharedLost));
    ledger.delivered(&to(2, number, QoS::AtLeastOnce)).unwrap();
    assert_eq!(checker(ledger.check_delivered()), None);
}

#[test]
fn a_member_that_was_lost_takes_what_was_sent_with_qos_2_along_and_nothing_else() {
    for (qos, wanted) in [(QoS::AtLeastOnce, Some(Checker::SharedLost)), (QoS::ExactlyOnce, None)] {
        let mut ledger = group(false, qos);
        let number = publish(&mut ledger, qos);
        ledger.acked(number, |_| false).unwrap();
        ledger.ended(1, true);
        assert_eq!(checker(ledger.check_delivered()), wanted, "{qos:?}");
    }
}
