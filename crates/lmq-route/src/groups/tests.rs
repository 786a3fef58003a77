//! Whose turn it is, and the groups against a list that is searched one by one.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::format;

use lmq_codec::{TopicFilter, TopicName};
use proptest::prelude::*;

use super::{Fit, Group, SharedGroups};

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).unwrap()
}

fn groups_of(groups: &SharedGroups<u32, u8>, topic: &str) -> Vec<Group> {
    let mut found = Vec::new();
    groups.for_each(TopicName::new(topic).unwrap(), |group| found.push(group));
    found
}

/// One group with these members.
fn group(members: &[u32]) -> (SharedGroups<u32, u8>, Group) {
    let mut groups = SharedGroups::new(1);
    members.iter().for_each(|key| assert_eq!(groups.insert("g", filter("a/+"), *key, 1), None));
    let group = groups.group("g", filter("a/+")).unwrap();
    (groups, group)
}

fn choices(groups: &mut SharedGroups<u32, u8>, group: Group, count: usize, fit: impl Fn(u32) -> Fit) -> Vec<u32> {
    (0..count).map_while(|_| groups.choose(group, usize::MAX, |key, _| fit(key))).map(|(key, _)| key).collect()
}

#[test]
fn members_get_messages_in_turn() {
    let (mut groups, group) = group(&[5, 1, 9, 3]);
    assert_eq!(choices(&mut groups, group, 9, |_| Fit::Ready), [1, 3, 5, 9, 1, 3, 5, 9, 1]);
    // Who comes or leaves changes nothing in the order of the others.
    groups.insert("g", filter("a/+"), 2, 1);
    groups.remove("g", filter("a/+"), 3);
    assert_eq!(choices(&mut groups, group, 5, |_| Fit::Ready), [2, 5, 9, 1, 2]);
    groups.remove("g", filter("a/+"), 2);
    assert_eq!(choices(&mut groups, group, 3, |_| Fit::Ready), [5, 9, 1]);
    groups.remove("g", filter("a/+"), 9);
    assert_eq!(choices(&mut groups, group, 3, |_| Fit::Ready), [5, 1, 5]);
}

#[test]
fn a_large_group_is_fair_too() {
    let members: Vec<_> = (0..2000).collect();
    let (mut groups, group) = group(&members);
    assert_eq!(choices(&mut groups, group, 2000, |_| Fit::Ready), members);
    assert_eq!(groups.members(group).map(|(key, _)| key).collect::<Vec<_>>(), members);
    // One in a hundred is ready.
    let chosen = choices(&mut groups, group, 60, |key| if key % 100 == 50 { Fit::Ready } else { Fit::Later });
    assert!((0..60).all(|nth| chosen[nth] == nth as u32 % 20 * 100 + 50), "{chosen:?}");
}

#[test]
fn who_is_ready_comes_before_who_takes_it_later() {
    let (mut groups, group) = group(&[1, 2, 3, 4]);
    let even = |key| if key % 2 == 0 { Fit::Ready } else { Fit::Later };
    assert_eq!(choices(&mut groups, group, 4, even), [2, 4, 2, 4]);
    let late = |key| if key == 4 { Fit::Never } else { Fit::Later };
    assert_eq!(choices(&mut groups, group, 4, late), [1, 2, 3, 1]);
    assert_eq!(choices(&mut groups, group, 1, |_| Fit::Never), []);
    // All were asked in vain: the turn is where it was.
    assert_eq!(choices(&mut groups, group, 2, |_| Fit::Ready), [2, 3]);
}

#[test]
fn no_more_members_are_asked_than_allowed() {
    let (mut groups, group) = group(&[1, 2, 3, 4, 5, 6, 7]);
    let mut asked = Vec::new();
    let mut ask = |groups: &mut SharedGroups<_, _>, answer| {
        asked.clear();
        let chosen = groups.choose(group, 3, |key, _| {
            asked.push(key);
            answer
        });
        (chosen.map(|(key, _)| key), asked.clone())
    };
    assert_eq!(ask(&mut groups, Fit::Never), (None, Vec::from([1, 2, 3])));
    assert_eq!(ask(&mut groups, Fit::Never), (None, Vec::from([4, 5, 6])));
    assert_eq!(ask(&mut groups, Fit::Later), (Some(7), Vec::from([7, 1, 2])));
    assert_eq!(ask(&mut groups, Fit::Ready), (Some(1), Vec::from([1])));
    assert_eq!(groups.choose(group, 0, |_, _| Fit::Ready), None);
    assert_eq!(ask(&mut groups, Fit::Ready), (Some(2), Vec::from([2])));
}

#[test]
fn groups_are_told_apart_by_share_name_and_filter() {
    let mut groups = SharedGroups::new(1);
    // [MQTT-4.8.2-1], [MQTT-4.8.2-2]
    for (key, text) in (0..).zip(["$share/a/t/+", "$share/b/t/+", "$share/a/t/1", "$share/a//t", "$share/a/$share/b/t"])
    {
        let (share, inside) = filter(text).share().unwrap();
        assert_eq!(groups.insert(share, inside, key, 0), None);
    }
    assert_eq!((groups.groups(), groups.len()), (5, 5));
    let mut found: Vec<_> = groups_of(&groups, "t/1")
        .into_iter()
        .map(|group| (groups.share(group).unwrap().to_string(), groups.members(group).next().unwrap().0))
        .collect();
    found.sort();
    assert_eq!(found, [("a".into(), 0), ("a".into(), 2), ("b".into(), 1)]);
    assert_eq!(groups_of(&groups, "/t").len(), 1);
    // A member that subscribes again stays one, and leaves at once.
    assert_eq!(groups.insert("a", filter("t/1"), 2, 7), Some(0));
    assert_eq!((groups.len(), groups.value("a", filter("t/1"), 2)), (5, Some(7)));
    assert_eq!(groups.remove("a", filter("t/1"), 2), Some(7));
    assert_eq!((groups.remove("a", filter("t/1"), 2), groups.value("a", filter("t/1"), 2)), (None, None));
    assert_eq!(groups.group("a", filter("t/1")), None);
    assert_eq!(format!("{groups:?}"), "SharedGroups { len: 4, .. }");
}

#[test]
fn a_handle_outlived_by_its_group_is_harmless() {
    let (mut groups, group) = group(&[1]);
    groups.remove("g", filter("a/+"), 1);
    assert_eq!(groups.choose(group, 9, |_, _| Fit::Ready), None);
    assert_eq!((groups.share(group), groups.members(group).count(), groups.is_empty()), (None, 0, true));
}

fn any_filter() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["a", "a/b", "a/+", "+/b", "#", "a/#", "+", "$s/+"][..])
}

/// The members of each group, and who was chosen last.
type Naive = BTreeMap<(String, &'static str), (BTreeMap<u32, u8>, Option<u32>)>;

/// Who is next, said in another way: sorts the members by how far away from the last they are.
fn next(members: &BTreeMap<u32, u8>, last: Option<u32>, asks_max: usize, fit: impl Fn(u32) -> Fit) -> Option<u32> {
    let mut turn: Vec<_> = members.keys().copied().collect();
    turn.sort_by_key(|key| (last.is_some_and(|last| *key <= last), *key));
    turn.truncate(asks_max);
    let of = |wanted| turn.iter().copied().find(|key| fit(*key) == wanted);
    of(Fit::Ready).or(of(Fit::Later))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn groups_and_choices_are_those_of_the_list(
        changes in prop::collection::vec(("[ab]", any_filter(), 0..9_u32, any::<u8>(), any::<bool>()), 0..80),
        fits in prop::collection::vec(prop::sample::select(&[Fit::Ready, Fit::Later, Fit::Never][..]), 9),
        asks_max in 3..12_usize,
        seed: u64,
    ) {
        let (mut groups, mut naive) = (SharedGroups::new(seed), Naive::new());
        for (share, text, key, value, come) in changes {
            let name = (share.clone(), text);
            if come {
                let members = &mut naive.entry(name).or_default().0;
                prop_assert_eq!(groups.insert(&share, filter(text), key, value), members.insert(key, value));
            } else {
                let removed = naive.get_mut(&name).and_then(|members| members.0.remove(&key));
                prop_assert_eq!(groups.remove(&share, filter(text), key), removed);
                naive.retain(|_, members| !members.0.is_empty());
            }
            prop_assert_eq!(groups.groups(), naive.len());
            prop_assert_eq!(groups.len(), naive.values().map(|members| members.0.len()).sum::<usize>());
            for topic in ["a", "a/b", "$s/b"] {
                let mut found = Vec::new();
                for group in groups_of(&groups, topic) {
                    let share = groups.share(group).unwrap().to_string();
                    let members: BTreeMap<_, _> = groups.members(group).collect();
                    let chosen = groups.choose(group, asks_max, |key, _| fits[key as usize]);
                    found.push((share, members, chosen.map(|(key, _)| key)));
                }
                let mut cached = Vec::new();
                groups.for_each_cached(TopicName::new(topic).unwrap(), |group| cached.push(group));
                prop_assert_eq!(cached, groups_of(&groups, topic));
                let mut expected = Vec::new();
                for ((share, text), (members, last)) in &mut naive {
                    if filter(text).matches(TopicName::new(topic).unwrap()) {
                        let chosen = next(members, *last, asks_max, |key| fits[key as usize]);
                        expected.push((share.clone(), members.clone(), chosen));
                        let mut turn: Vec<_> = members.keys().copied().collect();
                        turn.sort_by_key(|key| (last.is_some_and(|last| *key <= last), *key));
                        *last = chosen.or(turn.get(asks_max.min(turn.len()) - 1).copied());
                    }
                }
                found.sort();
                expected.sort();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
