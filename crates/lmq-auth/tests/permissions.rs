//! Coverage of filters against its definition, and the decisions built on it.

use lmq_auth::{Denial, Permissions};
use lmq_id::Access;
use proptest::prelude::*;

/// Topic matching written down from the definition, level by level.
fn matches(filter: &[&str], topic: &[&str]) -> bool {
    if topic[0].starts_with('$') && matches!(filter[0], "+" | "#") {
        return false;
    }
    fn rest(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) => true,
            ([], []) => true,
            (["+", f @ ..], [_, t @ ..]) => rest(f, t),
            ([a, f @ ..], [b, t @ ..]) => a == b && rest(f, t),
            _ => false,
        }
    }
    rest(filter, topic)
}

/// All topics of up to five levels. `z` stands in no filter, so it stands for every text a filter does not name.
fn topics() -> Vec<Vec<&'static str>> {
    const LEVELS: [&str; 4] = ["a", "b", "", "z"];
    let mut all: Vec<Vec<&str>> = ["a", "b", "", "z", "$a", "$z"].map(|level| vec![level]).to_vec();
    let mut longest = all.clone();
    for _ in 0..4 {
        longest = longest.iter().flat_map(|topic| LEVELS.map(|level| [topic.as_slice(), &[level]].concat())).collect();
        all.extend(longest.iter().cloned());
    }
    all
}

fn filter() -> impl Strategy<Value = String> {
    let level = || prop::sample::select(vec!["a", "a", "b", "", "+", "+"]);
    (
        prop::sample::select(vec!["a", "a", "b", "", "+", "+", "$a"]),
        prop::collection::vec(level(), 0..3),
        prop::sample::select(vec!["none", "tail", "only"]),
    )
        .prop_map(|(first, more, hash)| {
            let mut levels = vec![first];
            levels.extend(more);
            match hash {
                "tail" => levels.push("#"),
                "only" if levels.len() == 1 => levels = vec!["#"],
                _ => {}
            }
            levels.join("/")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn covers_means_every_topic_of_the_one_is_a_topic_of_the_other(
        resource in filter(),
        filter in filter(),
    ) {
        thread_local!(static TOPICS: Vec<Vec<&'static str>> = topics());
        let ours: Vec<&str> = resource.split('/').collect();
        let theirs: Vec<&str> = filter.split('/').collect();
        let all = TOPICS.with(|topics| {
            topics
                .iter()
                .filter(|topic| matches(&theirs, topic))
                .all(|topic| matches(&ours, topic))
        });
        prop_assert_eq!(Permissions::covers(&resource, &filter), all, "{} covers {}", resource, filter);
    }

    #[test]
    fn overlapping_means_some_topic_is_matched_by_both(a in filter(), b in filter()) {
        thread_local!(static TOPICS: Vec<Vec<&'static str>> = topics());
        let (ours, theirs) = (a.split('/').collect::<Vec<_>>(), b.split('/').collect::<Vec<_>>());
        let some = TOPICS.with(|topics| topics.iter().any(|topic| matches(&ours, topic) && matches(&theirs, topic)));
        prop_assert_eq!(Permissions::overlaps(&a, &b), some, "{} overlaps {}", a, b);
        prop_assert_eq!(Permissions::overlaps(&b, &a), some, "{} overlaps {}", b, a);
    }

    #[test]
    fn covering_is_reflexive_and_transitive(a in filter(), b in filter(), c in filter()) {
        prop_assert!(Permissions::covers(&a, &a));
        if Permissions::covers(&a, &b) && Permissions::covers(&b, &c) {
            prop_assert!(Permissions::covers(&a, &c));
        }
    }

    #[test]
    fn a_decision_is_that_one_resource_covers(
        resources in prop::collection::vec(filter().prop_filter("a resource", |text| !text.is_empty()), 0..4),
        filter in filter(),
    ) {
        let mut permissions = Permissions::nothing();
        for resource in &resources {
            permissions.grant(Access::Read, resource)?;
        }
        let covered = resources.iter().any(|resource| Permissions::covers(resource, &filter));
        prop_assert_eq!(permissions.allows_subscribe(&filter), covered);
        prop_assert!(!permissions.allows_publish(&filter));
    }

    #[test]
    fn any_text_is_answered(a in any::<String>(), b in any::<String>()) {
        let _ = Permissions::covers(&a, &b);
        let mut permissions = Permissions::nothing();
        if permissions.grant(Access::ReadWrite, &a).is_ok() {
            prop_assert!(permissions.allows_subscribe(&a));
            let _ = permissions.allows_publish(&b);
        }
    }
}

#[test]
fn covering_table() {
    for (resource, filter, covered) in [
        ("a/+", "a/b", true),
        ("a/b", "a/+", false),
        ("a/#", "a/+/c", true),
        ("a/#", "a", true),
        ("a/#", "a/#", true),
        ("a/#", "a/+/#", true),
        ("a/+/#", "a/#", false),
        ("a/+", "a", false),
        ("a/+", "a/", true),
        ("a/+", "a/#", false),
        ("a", "a/", false),
        ("a", "A", false),
        ("a/#", "ab", false),
        ("#", "a/b", true),
        ("#", "#", true),
        ("+/#", "#", true),
        ("#", "$SYS/x", false),
        ("+/x", "$SYS/x", false),
        ("$SYS/#", "$SYS/x", true),
        ("$SYS/#", "#", false),
        ("room/#", "room/p2p/GID_student@@@002", true),
        ("room/p2p/#", "room/p2p/GID_student@@@002", true),
        ("room", "room/p2p/GID_student@@@002", false),
        ("a/#", "a#", false),
        ("a/b/#", "a/b", true),
        ("a/b/#", "a/bc", false),
        ("a/b/#", "a", false),
        ("/#", "/", true),
        ("+/b/#", "a/b", true),
    ] {
        assert_eq!(Permissions::covers(resource, filter), covered, "{resource} covers {filter}");
        let mut permissions = Permissions::nothing();
        permissions.grant(Access::Read, resource).unwrap();
        assert_eq!(permissions.allows_subscribe(filter), covered, "{resource} allows {filter}");
    }
}

#[test]
fn reading_and_writing_are_separate() {
    let mut permissions = Permissions::nothing();
    assert!(!permissions.allows_publish("room"));
    permissions.grant(Access::Read, "room/#").unwrap();
    permissions.grant(Access::Write, "roomSend/+").unwrap();
    permissions.grant(Access::ReadWrite, "both").unwrap();
    for (topic, publish, subscribe) in [
        ("room/message/1", false, true),
        ("roomSend/message", true, false),
        ("roomSend/message/1", false, false),
        ("both", true, true),
        ("other", false, false),
    ] {
        assert_eq!(permissions.allows_publish(topic), publish, "{topic}");
        assert_eq!(permissions.allows_subscribe(topic), subscribe, "{topic}");
    }
    assert!(!permissions.allows_subscribe("#"));
    assert!(!permissions.allows_subscribe("+/message/1"));
}

#[test]
fn an_account_may_do_everything() {
    let mut permissions = Permissions::everything();
    assert!(permissions.allows_publish("$x/y"));
    assert!(permissions.allows_subscribe("#"));
    permissions.grant(Access::Read, "room").unwrap();
    assert_eq!(permissions, Permissions::everything());
}

#[test]
fn grant_errors_say_what_and_where() {
    let mut permissions = Permissions::nothing();
    let long = "r".repeat(257);
    for (resource, said) in [
        ("", "resource is empty; expected a topic filter such as room/#"),
        (&long, "resource has 257 bytes; at most 256 are allowed"),
        (
            "room/#/x",
            "byte 6 of the resource is out of place; '+' must fill a level, '#' the last level, U+0000 is not allowed",
        ),
        (
            "room/x+",
            "byte 7 of the resource is out of place; '+' must fill a level, '#' the last level, U+0000 is not allowed",
        ),
        (
            "a\0",
            "byte 2 of the resource is out of place; '+' must fill a level, '#' the last level, U+0000 is not allowed",
        ),
    ] {
        let error = permissions.grant(Access::Read, resource).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    assert_eq!(permissions, Permissions::nothing());
    for _ in 0..Permissions::RESOURCES_MAX {
        permissions.grant(Access::Read, "room").unwrap();
    }
    assert_eq!(permissions.grant(Access::Read, "room").unwrap_err().to_string(), "more than 300 resources");
}

#[test]
fn a_refusal_says_whether_the_direction_or_the_topic_is_wrong() {
    let mut permissions = Permissions::nothing();
    assert_eq!(permissions.publish("room"), Err(Denial::Action));
    assert_eq!(permissions.subscribe("room"), Err(Denial::Action));
    permissions.grant(Access::Read, "room/#").unwrap();
    assert_eq!(permissions.subscribe("room/1"), Ok(()));
    assert_eq!(permissions.subscribe("hall"), Err(Denial::Resource));
    assert_eq!(permissions.publish("room/1"), Err(Denial::Action));
    permissions.grant(Access::Write, "hall").unwrap();
    assert_eq!(permissions.publish("room/1"), Err(Denial::Resource));
    assert_eq!(permissions.publish("hall"), Ok(()));
}

#[test]
fn p2p_takes_the_right_on_the_p2p_topic() {
    for (resource, allowed) in [
        ("TopicA/#", true),
        ("TopicA/p2p/#", true),
        ("TopicA/p2p/+", true),
        ("TopicA/p2p/GID_Test@@@0001", true),
        ("TopicA/p2p/GID_Test@@@0002", false),
        ("TopicA/p2p", false),
        ("TopicA", false),
        ("TopicA/+", false),
    ] {
        let mut permissions = Permissions::nothing();
        permissions.grant(Access::Write, resource).unwrap();
        assert_eq!(permissions.allows_publish("TopicA/p2p/GID_Test@@@0001"), allowed, "{resource}");
    }
}

fn rights(access: Access, resource: &str) -> Permissions {
    let mut rights = Permissions::nothing();
    rights.grant(access, resource).unwrap();
    rights
}

#[test]
fn a_token_replaces_the_token_of_its_type_and_nothing_else() {
    let mut permissions = rights(Access::Read, "own");
    permissions.set_token(Access::Read, rights(Access::Read, "a")).unwrap();
    permissions.set_token(Access::Write, rights(Access::Write, "b")).unwrap();
    permissions.set_token(Access::ReadWrite, rights(Access::ReadWrite, "c")).unwrap();
    let allowed = |permissions: &Permissions| {
        ["own", "a", "a2", "b", "c"]
            .map(|topic| (permissions.allows_subscribe(topic), permissions.allows_publish(topic)))
    };
    let (none, read, write, both) = ((false, false), (true, false), (false, true), (true, true));
    assert_eq!(allowed(&permissions), [read, read, none, write, both]);
    permissions.set_token(Access::Read, rights(Access::Read, "a2")).unwrap();
    assert_eq!(allowed(&permissions), [read, none, read, write, both]);
    permissions.set_token(Access::ReadWrite, Permissions::nothing()).unwrap();
    assert_eq!(allowed(&permissions), [read, none, read, write, none]);
    permissions.set_token(Access::ReadWrite, Permissions::everything()).unwrap();
    assert_eq!(allowed(&permissions), [both; 5]);
    permissions.set_token(Access::ReadWrite, rights(Access::Write, "a")).unwrap();
    assert_eq!(allowed(&permissions), [read, write, read, write, none]);
}

#[test]
fn the_resources_of_all_tokens_count_together() {
    let many = |count| {
        let mut rights = Permissions::nothing();
        (0..count).for_each(|at| rights.grant(Access::Read, &format!("room/{at}")).unwrap());
        rights
    };
    let mut permissions = Permissions::nothing();
    for slot in Access::ALL {
        permissions.set_token(slot, many(100)).unwrap();
    }
    permissions.set_token(Access::Write, many(100)).unwrap();
    let before = permissions.clone();
    let error = permissions.set_token(Access::Write, many(101)).unwrap_err();
    assert_eq!(error.to_string(), "more than 300 resources");
    assert_eq!(permissions, before);
    assert!(permissions.grant(Access::Read, "one/more").is_err());
    assert!(permissions.deny(Access::Read, "one/more").is_err());
}

#[test]
fn a_denial_wins() {
    let mut permissions = Permissions::everything();
    permissions.deny(Access::Write, "room/+/admin").unwrap();
    permissions.deny(Access::Read, "room/secret/#").unwrap();
    assert!(!permissions.is_everything());
    permissions.grant(Access::ReadWrite, "room/#").unwrap();
    permissions.set_token(Access::ReadWrite, rights(Access::ReadWrite, "room/1/admin")).unwrap();
    assert_eq!(permissions.publish("room/1/admin"), Err(Denial::Resource));
    assert_eq!(permissions.publish("room/1/user"), Ok(()));
    assert_eq!(permissions.subscribe("room/1/admin"), Ok(()));
    for filter in ["room/secret", "room/secret/1", "room/+", "room/#", "#", "+/secret", "+/+/1"] {
        assert_eq!(permissions.subscribe(filter), Err(Denial::Resource), "{filter}");
    }
    assert_eq!(permissions.subscribe("room/+/1/2/+"), Err(Denial::Resource));
    assert_eq!(permissions.subscribe("room/open/+"), Ok(()));
    // A token that brings a denial takes it away again.
    let mut with_denial = Permissions::nothing();
    with_denial.deny(Access::ReadWrite, "hall").unwrap();
    permissions.set_token(Access::Read, with_denial).unwrap();
    assert_eq!(permissions.publish("hall"), Err(Denial::Resource));
    permissions.set_token(Access::Read, Permissions::nothing()).unwrap();
    assert_eq!(permissions.publish("hall"), Ok(()));
}

/// A resource or filter that meets the index's own rules: many shapes, more levels than it takes, long levels, `$`.
fn odd_filter() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec!["a", "a", "+", "+", "", "12345678", "123456789", "GID_student@@@0000001"]);
    (
        prop::sample::select(vec!["a", "+", "", "$SYS", "12345678"]),
        prop_oneof![prop::collection::vec(level.clone(), 0..4), prop::collection::vec(level, 13..19)],
        any::<bool>(),
    )
        .prop_map(|(first, more, below)| {
            let mut levels = vec![first];
            levels.extend(more);
            if below {
                levels.push("#");
            }
            levels.join("/")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_index_finds_what_comparing_all_resources_finds(
        resources in prop::collection::vec(odd_filter().prop_filter("a resource", |text| (1..=256).contains(&text.len())), 0..40),
        filters in prop::collection::vec(odd_filter(), 1..40),
    ) {
        let mut permissions = Permissions::nothing();
        for resource in &resources {
            permissions.grant(Access::Read, resource)?;
        }
        // What is granted is allowed, and so is what it covers.
        for filter in filters.iter().chain(&resources).map(String::as_str).chain(["#", "+/#", "+", "$SYS/#"]) {
            let covered = resources.iter().any(|resource| Permissions::covers(resource, filter));
            prop_assert_eq!(permissions.allows_subscribe(filter), covered, "{}", filter);
        }
        let mut token = Permissions::nothing();
        token.set_token(Access::Read, permissions)?;
        for filter in &filters {
            let covered = resources.iter().any(|resource| Permissions::covers(resource, filter));
            prop_assert_eq!(token.allows_subscribe(filter), covered, "{}", filter);
        }
    }
}
