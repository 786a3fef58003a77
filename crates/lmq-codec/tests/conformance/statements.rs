//! The normative statements of both editions, by id. The conformance tests of the broker read this file as well.

use std::collections::BTreeSet;

const STATEMENTS: &str = include_str!("statements.json");

/// The ids of one edition: those found in the norm's text and those that lists elsewhere name.
pub(crate) fn statements(edition: &str) -> BTreeSet<&'static str> {
    let key = format!("\"{edition}\": [");
    let ids: BTreeSet<&str> = STATEMENTS
        .split(key.as_str())
        .skip(1)
        .flat_map(|part| part.split(']').next().expect("an end").split('"').skip(1).step_by(2))
        .collect();
    assert!(ids.len() > 100, "{edition}: {}", ids.len());
    ids
}
