use lmq_broker::{InstanceIndex, ShardId, StoreOp};

use super::bench::{Bench, message};

fn set(instance: u16, topic: &str, version: u64, payload: Option<&str>) -> StoreOp {
    let message = payload.map(|payload| {
        let mut message = (*message(version.into(), payload)).clone();
        (message.instance, message.topic) = (InstanceIndex(instance), topic.into());
        message.into()
    });
    StoreOp::SetRetained { instance: InstanceIndex(instance), topic: topic.into(), version, message }
}

fn kept(bench: &mut Bench<'_>) -> Vec<(u16, String, u64, String)> {
    let retained = bench.retained(ShardId(0));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    retained
        .iter()
        .map(|kept| (kept.instance.0, kept.topic.to_string(), kept.version, text(&kept.message.payload)))
        .collect()
}

pub(super) fn the_last_change_of_a_topic_counts(bench: &mut Bench<'_>) {
    bench.stored(set(0, "a", 1, Some("one")));
    bench.stored(set(0, "b", 2, Some("two")));
    bench.stored(set(0, "a", 3, Some("three")));
    bench.stored(set(0, "b", 4, None));
    bench.stored(set(0, "never", 5, None));
    assert_eq!(kept(bench), [(0, "a".to_owned(), 3, "three".to_owned())]);
}

pub(super) fn retained_messages_of_instances_do_not_meet(bench: &mut Bench<'_>) {
    bench.stored(set(1, "a", 1, Some("second")));
    bench.stored(set(0, "a", 2, Some("first")));
    let expected = [(0, "a".to_owned(), 2, "first".to_owned()), (1, "a".to_owned(), 1, "second".to_owned())];
    assert_eq!(kept(bench), expected);
    bench.stored(set(0, "a", 3, None));
    assert_eq!(kept(bench), expected[1..]);
}
