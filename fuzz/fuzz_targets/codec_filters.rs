//! Topic names and filters against rules written a second time, byte by byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmq_codec::{TopicFilter, TopicName};

fn naive_name(text: &str) -> bool {
    (1..=65_535).contains(&text.len()) && !text.contains(['\0', '+', '#'])
}

fn naive_filter(text: &str) -> bool {
    let levels: Vec<&str> = text.split('/').collect();
    (1..=65_535).contains(&text.len())
        && !text.contains('\0')
        && levels.iter().enumerate().all(|(at, level)| match *level {
            "+" => true,
            "#" => at + 1 == levels.len(),
            other => !other.contains(['+', '#']),
        })
}

fn naive_match(filter: &[&str], name: &[&str]) -> bool {
    match (filter, name) {
        ([], []) | (["#"], _) => true,
        (["+", filter @ ..], [_, name @ ..]) => naive_match(filter, name),
        ([level, filter @ ..], [other, name @ ..]) => level == other && naive_match(filter, name),
        _ => false,
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let (filter, name) = text.split_once('\n').unwrap_or((text, "a/b"));
    assert_eq!(TopicName::new(name).is_ok(), naive_name(name));
    assert_eq!(TopicFilter::new(filter).is_ok(), naive_filter(filter));
    if let Err(error) = TopicFilter::new(filter) {
        assert!(error.offset() <= filter.len());
    }
    let (Ok(parsed), Ok(topic)) = (TopicFilter::new(filter), TopicName::new(name)) else { return };
    assert_eq!(parsed.has_wildcard(), filter.contains(['+', '#']));
    let hidden = name.starts_with('$') && filter.starts_with(['+', '#']);
    let levels: Vec<&str> = filter.split('/').collect();
    let names: Vec<&str> = name.split('/').collect();
    if levels.len() < 100 && names.len() < 100 {
        assert_eq!(parsed.matches(topic), !hidden && naive_match(&levels, &names), "{filter:?} {name:?}");
    }
    if let Some((group, inner)) = parsed.share() {
        assert_eq!(format!("$share/{group}/{inner}"), filter);
        assert!(!group.is_empty() && !group.contains(['/', '+', '#']));
        assert!(naive_filter(inner.as_str()));
    }
});
