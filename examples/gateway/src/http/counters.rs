//! The counters of the message path, under the names operators see.

use super::Page;
use crate::{net::Report, store::Health};

pub(super) fn write(page: &mut Page, report: &Report) {
    connections(page, report);
    messages(page, report);
    quotas(page, report);
    events(page, report);
    page.counter("lmq_pauses_total", "Times a connection was paused.", &[(&[], report.broker.pauses)]);
    page.gauge(
        "lmq_effects_pending",
        "Effects handed out and not answered, now.",
        &[(&[], report.broker.effects_pending)],
    );
    page.counter(
        "lmq_effects_failed_total",
        "Effects that failed or were not answered in time.",
        &[(&[], report.broker.effects_failed)],
    );
}

/// How the store does.
pub(super) fn store(page: &mut Page, health: &Health) {
    let trouble = u64::from(health.trouble.is_some());
    page.gauge("lmq_store_failing", "1 while the store fails; /readyz says why.", &[(&[], trouble)]);
    page.counter("lmq_store_batches_total", "Transactions of the store.", &[(&[], health.batches)]);
    page.counter("lmq_store_operations_total", "Operations given to the store.", &[(&[], health.operations)]);
    page.counter("lmq_store_failed_total", "Operations that the store did not carry out.", &[(&[], health.failed)]);
}

fn connections(page: &mut Page, report: &Report) {
    let stats = &report.broker;
    page.gauge("lmq_connections", "Connections with a CONNECT, now.", &[(&[], stats.connections)]);
    page.gauge("lmq_sessions", "Sessions, with or without connection, now.", &[(&[], stats.sessions)]);
    page.gauge("lmq_subscriptions", "Subscriptions of all sessions, now.", &[(&[], stats.subscriptions)]);
    page.counter("lmq_accepted_total", "Connections accepted.", &[(&[], report.accepted)]);
    page.counter(
        "lmq_turned_away_total",
        "Connections closed at once because too many had sent no CONNECT.",
        &[(&[], report.turned_away)],
    );
    page.counter(
        "lmq_given_to_http_total",
        "Connections of WebSocket ports that spoke plain HTTP.",
        &[(&[], report.given_to_http)],
    );
    let [protocol, client_id, unavailable, credentials, not_authorized] = stats.connects_refused;
    page.counter(
        "lmq_connects_total",
        "CONNECT packets by result.",
        &[
            (&[("result", "accepted")], stats.connects_accepted),
            (&[("result", "protocol_version")], protocol),
            (&[("result", "client_id")], client_id),
            (&[("result", "unavailable")], unavailable),
            (&[("result", "credentials")], credentials),
            (&[("result", "not_authorized")], not_authorized),
        ],
    );
    page.counter(
        "lmq_sessions_expired_total",
        "Sessions that ended because their client did not come back in time.",
        &[(&[], stats.sessions_expired)],
    );
    let closed: Vec<_> = report.closed.iter().map(|(reason, count)| ([("reason", *reason)], *count)).collect();
    let closed: Vec<(&[(&str, &str)], u64)> =
        closed.iter().map(|(labels, count)| (labels.as_slice(), *count)).collect();
    page.counter("lmq_closed_total", "Connections closed by reason.", &closed);
    page.counter("lmq_takeovers_total", "Connections taken over by a newer one.", &[(&[], stats.takeovers)]);
}

fn messages(page: &mut Page, report: &Report) {
    let stats = &report.broker;
    page.counter("lmq_received_total", "PUBLISH packets received by QoS.", &by_qos(&stats.received));
    page.counter("lmq_sent_total", "PUBLISH packets sent by QoS; a resent one counts again.", &by_qos(&stats.sent));
    page.counter(
        "lmq_received_payload_bytes_total",
        "Payload bytes received in PUBLISH packets.",
        &[(&[], stats.payload_bytes_received)],
    );
    page.counter("lmq_wills_total", "Wills published.", &[(&[], stats.wills)]);
    page.counter("lmq_routed_total", "Messages handed from one thread to another.", &[(&[], stats.routed)]);
    page.gauge("lmq_queued_bytes", "Bytes that wait in memory for sessions, now.", &[(&[], stats.queued_bytes)]);
    page.gauge("lmq_retained", "Topics with a retained message, now.", &[(&[], stats.retained)]);
    page.counter(
        "lmq_retained_dropped_total",
        "Retained messages that were delivered and not kept.",
        &[(&[], stats.retained_dropped)],
    );
    page.counter(
        "lmq_dropped_total",
        "Messages not delivered, by cause.",
        &[
            (&[("cause", "refused_at_publisher")], stats.discarded),
            (&[("cause", "queue_full")], stats.dropped_queue_full),
            (&[("cause", "session_away")], stats.dropped_away),
            (&[("cause", "expired")], stats.dropped_expired),
            (&[("cause", "too_large")], stats.dropped_too_large),
            (&[("cause", "evicted")], stats.dropped_evicted),
            (&[("cause", "store_failed")], stats.dropped_store_failed),
            (&[("cause", "p2p_without_target")], stats.p2p_without_target),
            (&[("cause", "shared_without_taker")], stats.dropped_shared),
        ],
    );
}

fn quotas(page: &mut Page, report: &Report) {
    let samples: Vec<_> = report
        .exceeded
        .iter()
        .map(|((instance, resource), count)| ([("instance", &**instance), ("resource", *resource)], *count))
        .collect();
    let samples: Vec<(&[(&str, &str)], u64)> =
        samples.iter().map(|(labels, count)| (labels.as_slice(), *count)).collect();
    page.counter("lmq_quota_exceeded_total", "Times an instance began to use more than its quota.", &samples);
}

fn events(page: &mut Page, report: &Report) {
    let samples: Vec<_> =
        report.events_dropped.iter().map(|(instance, count)| ([("instance", &**instance)], *count)).collect();
    let samples: Vec<(&[(&str, &str)], u64)> =
        samples.iter().map(|(labels, count)| (labels.as_slice(), *count)).collect();
    page.counter("lmq_events_dropped_total", "Events of clients dropped: no event topic takes them.", &samples);
}

fn by_qos(counts: &[u64; 3]) -> [(&'static [(&'static str, &'static str)], u64); 3] {
    let [at_most_once, at_least_once, exactly_once] = *counts;
    [(&[("qos", "0")], at_most_once), (&[("qos", "1")], at_least_once), (&[("qos", "2")], exactly_once)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_stands_under_its_name() {
        let mut report = Report { accepted: 9, turned_away: 8, given_to_http: 21, ..Report::default() };
        report.broker.connects_refused = [1, 2, 3, 4, 5];
        report.broker.received = [10, 11, 12];
        report.broker.dropped_away = 6;
        report.broker.dropped_expired = 13;
        report.broker.dropped_too_large = 14;
        report.broker.wills = 15;
        report.broker.queued_bytes = 20;
        report.broker.retained = 18;
        report.broker.retained_dropped = 19;
        report.broker.sessions_expired = 16;
        report.exceeded.insert(("mqtt-cn-a".into(), "connections"), 17);
        report.closed.insert("keep-alive", 7);
        report.events_dropped.insert("mqtt-cn-a".into(), 21);
        let mut page = Page::default();
        write(&mut page, &report);
        let text = page.into_text();
        for line in [
            "lmq_accepted_total 9",
            "lmq_given_to_http_total 21",
            "lmq_turned_away_total 8",
            "lmq_connects_total{result=\"accepted\"} 0",
            "lmq_connects_total{result=\"credentials\"} 4",
            "lmq_connects_total{result=\"not_authorized\"} 5",
            "lmq_received_total{qos=\"2\"} 12",
            "lmq_dropped_total{cause=\"session_away\"} 6",
            "lmq_dropped_total{cause=\"expired\"} 13",
            "lmq_dropped_total{cause=\"too_large\"} 14",
            "lmq_wills_total 15",
            "lmq_queued_bytes 20",
            "lmq_retained 18",
            "lmq_retained_dropped_total 19",
            "lmq_sessions_expired_total 16",
            "lmq_quota_exceeded_total{instance=\"mqtt-cn-a\",resource=\"connections\"} 17",
            "lmq_closed_total{reason=\"keep-alive\"} 7",
            "lmq_events_dropped_total{instance=\"mqtt-cn-a\"} 21",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
