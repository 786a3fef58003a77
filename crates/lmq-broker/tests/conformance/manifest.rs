//! The list of all statements, and what the codec's list says of them.

use std::collections::BTreeSet;

const MANIFEST: &str = include_str!("manifest.txt");
const CODEC: &str = include_str!("../../../lmq-codec/tests/conformance/manifest.txt");

pub(crate) const EDITIONS: [&str; 2] = ["3.1.1", "5.0"];

/// One line of the list: `edition | id | words | status`.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) edition: &'static str,
    pub(crate) id: &'static str,
    pub(crate) words: &'static str,
    pub(crate) status: Status,
}

/// What became of a statement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The tests that show how the broker obeys it, or what it does to a client that does not.
    Proved(Vec<&'static str>),
    /// It asks nothing of a server.
    Client,
    /// It is about the form of packets; the tests of `lmq-codec` prove it.
    Wire,
    /// Nobody has proved it yet, and why.
    Left(&'static str),
}

impl Status {
    fn parse(text: &'static str) -> Self {
        match text.split_once(": ") {
            Some(("proved", names)) => Self::Proved(names.split_whitespace().collect()),
            Some(("left", reason)) => Self::Left(reason),
            _ if text == "client" => Self::Client,
            _ if text == "wire" => Self::Wire,
            _ => panic!("no status: {text}"),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Proved(_) => "proved",
            Self::Client => "client",
            Self::Wire => "wire",
            Self::Left(reason) => reason,
        }
    }
}

pub(crate) fn entries() -> Vec<Entry> {
    let lines = MANIFEST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(" | ").collect();
            let [edition, id, words, status] = fields[..] else { panic!("four fields: {line}") };
            Entry { edition, id, words, status: Status::parse(status) }
        })
        .collect()
}

/// What the tests of the codec prove, by edition and id.
pub(crate) fn on_the_wire() -> BTreeSet<(&'static str, &'static str)> {
    let mut proved = BTreeSet::new();
    let mut edition = "";
    for line in CODEC.lines() {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(section) => edition = EDITIONS.into_iter().find(|known| *known == section).unwrap_or_default(),
            None => proved.extend(line.split_once(" | ").map(|(id, _)| (edition, id))),
        }
    }
    assert!(proved.len() > 100, "{}", proved.len());
    proved
}
