//! Each check against a second, plainer reading of the same rule, over texts on both sides of every edge.

use std::collections::HashMap;

use lmq_id::{ClientId, DeviceId, Filter, GroupId, P2pTopic, ParentTopic, Rules, Topic};
use proptest::prelude::*;

fn is_name(text: &str) -> bool {
    const NAME: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    text.chars().all(|c| NAME.contains(c))
}

fn plain_group(text: &str, rules: Rules) -> bool {
    let chars = text.chars().count();
    match rules {
        Rules::Strict2018 => text.starts_with("GID_") && (7..=32).contains(&chars) && is_name(text),
        _ => (text.starts_with("GID_") || text.starts_with("GID-")) && (7..=64).contains(&chars) && is_name(text),
    }
}

fn plain_client(text: &str, rules: Rules) -> Option<(String, String)> {
    let mut parts = text.splitn(2, "@@@");
    let (group, device) = (parts.next()?, parts.next()?);
    let valid = text.chars().count() <= 64 && plain_group(group, rules) && !device.is_empty() && is_name(device);
    valid.then(|| (group.to_owned(), device.to_owned()))
}

fn name(max: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            20 => prop::char::ranges(vec!['A'..='Z', 'a'..='z', '0'..='9'].into()),
            2 => prop::sample::select(vec!['_', '-']),
        ],
        1..=max,
    )
    .prop_map(String::from_iter)
}

/// Mostly a name, sometimes with one foreign character, sometimes too long.
fn nearly(max: usize) -> impl Strategy<Value = String> {
    (name(max + 2), proptest::option::weighted(0.2, (any::<prop::sample::Index>(), any::<char>()))).prop_map(
        |(text, foreign)| match foreign {
            None => text,
            Some((at, c)) => {
                let mut chars: Vec<char> = text.chars().collect();
                let at = at.index(chars.len());
                chars[at] = c;
                chars.into_iter().collect()
            }
        },
    )
}

fn group() -> impl Strategy<Value = String> {
    (prop::sample::select(vec!["GID_", "GID_", "GID-", "gid_", "GID", ""]), nearly(60))
        .prop_map(|(prefix, rest)| prefix.to_owned() + &rest)
}

fn client() -> impl Strategy<Value = String> {
    (
        prop::sample::select(vec!["GID_", "GID_", "GID-", "gid_"]),
        nearly(30),
        prop::sample::select(vec!["@@@", "@@@", "@@@", "@@", "@@@@", "@@@@@@"]),
        prop_oneof![9 => nearly(40), 1 => Just(String::new())],
    )
        .prop_map(|(prefix, group, separator, device)| [prefix, &group, separator, &device].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn group_ids_agree_with_the_plain_rule(text in group()) {
        for rules in [Rules::Current, Rules::Strict2018] {
            prop_assert_eq!(GroupId::check(&text, rules).is_ok(), plain_group(&text, rules));
        }
    }

    #[test]
    fn strict_ids_are_current_ids(text in group()) {
        if GroupId::check(&text, Rules::Strict2018).is_ok() {
            prop_assert!(GroupId::check(&text, Rules::Current).is_ok());
        }
    }

    #[test]
    fn client_ids_agree_with_the_plain_rule(text in client()) {
        for rules in [Rules::Current, Rules::Strict2018] {
            let ours = ClientId::parse_with(&text, rules)
                .ok()
                .map(|id| (id.group().to_owned(), id.device().to_owned()));
            prop_assert_eq!(ours, plain_client(&text, rules));
        }
    }

    #[test]
    fn a_position_points_at_a_foreign_character(text in client()) {
        if let Err(error) = ClientId::check(&text) {
            if let Some(position) = error.position().filter(|&at| at > 1) {
                match text.chars().nth(position - 1) {
                    Some(c) => prop_assert!(!is_name(&c.to_string())),
                    None => prop_assert_eq!(position, text.chars().count() + 1),
                }
            }
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = GroupId::check(&text, Rules::Current);
        let _ = ClientId::check(&text);
        let _ = P2pTopic::parse(&text);
        let _ = Topic::parse(&text);
        let _ = Filter::parse(&text);
    }

    #[test]
    fn parts_make_the_whole(group in "GID[_-][A-Za-z0-9_-]{3,40}", device in name(17)) {
        let group: GroupId = group.parse()?;
        let device: DeviceId = device.parse()?;
        let id = ClientId::new(&group, &device)?;
        prop_assert_eq!(id.as_str().parse::<ClientId>()?, id.clone());
        prop_assert_eq!(id.group_id(), group);
        prop_assert_eq!(id.device_id(), device);
        prop_assert_eq!(id.view().to_owned(), id);
    }

    #[test]
    fn p2p_topics_come_apart_as_they_were_joined(parent in name(64), text in client()) {
        let Ok(target) = text.parse::<ClientId>() else { return Ok(()) };
        let parent: ParentTopic = parent.parse()?;
        let topic = P2pTopic::new(&parent, &target);
        prop_assert!(P2pTopic::has_shape(topic.as_str()));
        prop_assert_eq!(P2pTopic::split(topic.as_str())?, (parent.as_str(), target.view()));
        prop_assert_eq!(topic.target(), target.view());
        prop_assert_eq!(Topic::parse(topic.as_str())?.target(), Some(target.view()));
    }

    #[test]
    fn shape_agrees_with_counting_levels(text in "[a-c/]{0,3}(/p2p|/p|p2p)?(/[a-c/]{0,4})?") {
        let levels: Vec<&str> = text.split('/').collect();
        // Nothing behind "p2p/" means exactly one more level, and that one empty.
        let plain = levels.len() > 2 && levels[1] == "p2p" && levels[2..] != [""];
        prop_assert_eq!(P2pTopic::has_shape(&text), plain);
    }

    #[test]
    fn topics_agree_with_the_plain_rule(text in "[a-b+#:]{0,3}(/[a-b+#:]{0,2}){0,4}") {
        let levels: Vec<&str> = text.split('/').collect();
        let topic = !levels[0].is_empty() && levels.iter().all(|level| is_name(level));
        let last = levels.len() - 1;
        let filter = !levels[0].is_empty()
            && is_name(levels[0])
            && levels.iter().enumerate().all(|(at, level)| {
                is_name(level) || *level == "+" || (*level == "#" && at == last)
            });
        prop_assert_eq!(Topic::parse(&text).is_ok(), topic);
        prop_assert_eq!(Filter::parse(&text).is_ok(), filter);
    }

    #[test]
    fn ordered_and_found_as_text(a in "GID_[a-c]{3,5}", b in "GID_[a-c]{3,5}") {
        let (x, y): (GroupId, GroupId) = (a.parse()?, b.parse()?);
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        let map = HashMap::from([(x, ())]);
        prop_assert_eq!(map.contains_key(b.as_str()), a == b);
    }
}

#[test]
fn a_name_is_two_words_wide() {
    assert_eq!(size_of::<ClientId>(), 2 * size_of::<usize>());
    assert_eq!(size_of::<Option<P2pTopic>>(), 2 * size_of::<usize>());
}
