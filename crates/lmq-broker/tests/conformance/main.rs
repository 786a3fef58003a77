//! Every normative statement of MQTT 3.1.1 and 5.0: what it asks of a server, and the tests that prove it.
//!
//! `manifest.txt` is the list, `cargo test -p lmq-broker --test conformance -- --nocapture` prints the numbers.

mod manifest;
mod sources;
#[path = "../../../lmq-codec/tests/conformance/statements.rs"]
mod statements;

use std::collections::{BTreeMap, BTreeSet};

use manifest::{EDITIONS, Status, entries, on_the_wire};
use sources::{Test, tests};
use statements::statements;

/// What is not proved yet, by reason. The numbers only become smaller.
const LEFT: [(&str, usize); 1] = [("driver", 6)];

#[test]
fn every_statement_has_one_entry_and_none_is_invented() {
    let entries = entries();
    for edition in EDITIONS {
        let listed: BTreeSet<&str> = entries.iter().filter(|e| e.edition == edition).map(|e| e.id).collect();
        let known = statements(edition);
        let missing: Vec<_> = known.difference(&listed).collect();
        let invented: Vec<_> = listed.difference(&known).collect();
        assert!(missing.is_empty() && invented.is_empty(), "{edition}: missing {missing:?}, invented {invented:?}");
    }
    let distinct: BTreeSet<_> = entries.iter().map(|e| (e.edition, e.id)).collect();
    assert_eq!(distinct.len(), entries.len(), "an entry appears twice");
}

#[test]
fn every_entry_has_words_of_its_own() {
    for entry in entries() {
        assert!(
            entry.words.len() > 8 && entry.words.ends_with('.'),
            "{} {}: {:?}",
            entry.edition,
            entry.id,
            entry.words
        );
    }
}

#[test]
fn every_proof_is_a_test_that_exists() {
    let tests = tests();
    let mut without = Vec::new();
    for entry in entries() {
        let Status::Proved(names) = &entry.status else { continue };
        for name in names {
            if !tests.contains_key(*name) {
                without.push(format!("{} {}: no test {name}", entry.edition, entry.id));
            }
        }
    }
    assert!(without.is_empty(), "{}", without.join("\n"));
}

#[test]
fn what_is_left_to_the_codec_is_proved_there() {
    let wire = on_the_wire();
    let unproved: Vec<String> = entries()
        .iter()
        .filter(|entry| entry.status == Status::Wire && !wire.contains(&(entry.edition, entry.id)))
        .map(|entry| format!("{} {}", entry.edition, entry.id))
        .collect();
    assert!(unproved.is_empty(), "{unproved:?}");
}

/// A test may cite the number of either edition.
#[test]
fn every_test_that_cites_a_statement_is_named_by_it() {
    let entries = entries();
    let known: BTreeSet<&str> = entries.iter().map(|entry| entry.id).collect();
    let proves = |id: &str, name: &str| {
        entries
            .iter()
            .any(|entry| entry.id == id && matches!(&entry.status, Status::Proved(names) if names.contains(&name)))
    };
    let mut astray = Vec::new();
    for (name, Test { cites, .. }) in tests() {
        for id in cites {
            if !known.contains(&*id) {
                astray.push(format!("{name} cites {id}, which does not exist"));
            } else if !proves(&id, &name) {
                astray.push(format!("{name} cites {id}, whose entry does not name it"));
            }
        }
    }
    assert!(astray.is_empty(), "{} astray\n{}", astray.len(), astray.join("\n"));
}

#[test]
fn no_test_that_proves_something_is_ignored() {
    let named: BTreeSet<&str> = entries()
        .into_iter()
        .filter_map(|entry| if let Status::Proved(names) = entry.status { Some(names) } else { None })
        .flatten()
        .collect();
    for (name, test) in tests() {
        assert!(!test.ignored || !named.contains(&*name), "{name} is ignored");
    }
}

#[test]
fn what_is_left_only_becomes_less() {
    let mut left: BTreeMap<&str, usize> = LEFT.iter().map(|(reason, _)| (*reason, 0)).collect();
    for entry in entries() {
        if let Status::Left(reason) = entry.status {
            let count = left.get_mut(reason).unwrap_or_else(|| panic!("{} {}: {reason}", entry.edition, entry.id));
            *count += 1;
        }
    }
    assert_eq!(
        left,
        BTreeMap::from(LEFT),
        "left and right differ: lower the numbers in LEFT, or prove what was proved before"
    );
}

#[test]
fn the_numbers() {
    for edition in EDITIONS {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in entries().iter().filter(|entry| entry.edition == edition) {
            *numbers.entry(entry.status.name()).or_default() += 1;
        }
        let total: usize = numbers.values().sum();
        println!("MQTT {edition}: {total} statements, {numbers:?}");
        assert_eq!(total, statements(edition).len());
    }
}
