//! The guard: every statement has an entry, every entry about the wire has a test that exists.

use std::collections::{BTreeMap, BTreeSet};

use lmq_codec::{Version, Violation};

use crate::statements::statements;

const MANIFEST: &str = include_str!("manifest.txt");
const SOURCES: [&str; 2] = [include_str!("behaviour.rs"), include_str!("main.rs")];

struct Entry {
    words: &'static str,
    /// `None`: the statement is not about the wire.
    proof: Option<&'static str>,
}

/// Sections `[edition]` hold `id | words | proof`; sections `[edition above the wire: why]` hold ids alone.
fn manifest() -> BTreeMap<(&'static str, &'static str), Entry> {
    let mut entries = BTreeMap::new();
    let (mut edition, mut why) = ("", None);
    for line in MANIFEST.lines().filter(|line| !line.is_empty()) {
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            (edition, why) = match section.split_once(" above the wire: ") {
                Some((edition, why)) => (edition, Some(why)),
                None => (section, None),
            };
            continue;
        }
        let found: Vec<(&str, Entry)> = if let Some(words) = why {
            line.split_whitespace().map(|id| (id, Entry { words, proof: None })).collect()
        } else {
            let fields: Vec<&str> = line.split(" | ").collect();
            let [id, words, proof] = fields[..] else { panic!("three fields: {line}") };
            vec![(id, Entry { words, proof: Some(proof) })]
        };
        for (id, entry) in found {
            assert!(!entry.words.is_empty(), "{id} has no words");
            assert!(entries.insert((edition, id), entry).is_none(), "{edition} {id} appears twice");
        }
    }
    entries
}

#[test]
fn every_statement_has_one_entry_and_none_is_invented() {
    let entries = manifest();
    for edition in ["3.1.1", "5.0"] {
        let listed: BTreeSet<&str> = entries.keys().filter(|(e, _)| *e == edition).map(|(_, id)| *id).collect();
        let known = statements(edition);
        let missing: Vec<_> = known.difference(&listed).collect();
        let invented: Vec<_> = listed.difference(&known).collect();
        assert!(missing.is_empty() && invented.is_empty(), "{edition}: missing {missing:?}, invented {invented:?}");
    }
}

#[test]
fn every_entry_about_the_wire_has_a_test_that_exists() {
    let tests: BTreeSet<&str> = SOURCES
        .iter()
        .flat_map(|source| source.split("#[test]\nfn ").skip(1))
        .map(|rest| rest.split('(').next().expect("a name"))
        .collect();
    assert!(tests.len() > 15, "{tests:?}");
    let cases = super::cases::all();
    let mut without = Vec::new();
    for ((edition, id), entry) in manifest() {
        let version = if edition == "5.0" { Version::V5_0 } else { Version::V3_1_1 };
        match entry.proof {
            None => {}
            Some("cases") if cases.iter().any(|case| case.statement == id && case.version == version) => {}
            Some("cases") => without.push(format!("{edition} {id}: no case")),
            Some(test) if tests.contains(test) => {}
            Some(test) => without.push(format!("{edition} {id}: no test {test}")),
        }
    }
    assert!(without.is_empty(), "{}", without.join("\n"));
}

#[test]
fn every_case_belongs_to_an_entry() {
    let entries = manifest();
    for case in super::cases::all() {
        let edition = match case.version {
            Version::V5_0 => "5.0",
            Version::V3_1_1 => "3.1.1",
            // MQTT 3.1 has no numbered statements.
            _ => continue,
        };
        if case.statement.starts_with("MQTT-") {
            let entry = entries.get(&(edition, case.statement));
            assert!(entry.is_some_and(|e| e.proof.is_some()), "{edition} {} is not in the manifest", case.statement);
        }
    }
}

#[test]
fn every_violation_names_a_statement_or_a_section() {
    let known: BTreeSet<&str> = statements("3.1.1").union(&statements("5.0")).copied().collect();
    for violation in Violation::ALL {
        for statement in violation.statements() {
            assert!(
                statement.is_empty() || statement.starts_with("section ") || known.contains(statement),
                "{violation:?}: {statement}"
            );
        }
        assert!(violation.statements().iter().any(|s| !s.is_empty()), "{violation:?} names nothing");
    }
}
