use alloc::boxed::Box;
use alloc::vec::Vec;

use lmq_id::Access;

use super::filter;
use super::index::Index;

/// Rules of one effect, in the order they came, and an index over them.
#[derive(Clone, Debug)]
pub(super) struct Table {
    rules: Vec<Rule>,
    index: Index,
    /// Whether any rule is about publishing, or subscribing.
    writes: bool,
    reads: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    owner: Owner,
    access: Access,
    form: Form,
    resource: Box<str>,
}

/// Whose rule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Client,
    Token(Access),
}

impl Owner {
    pub(super) const fn bit(self) -> u8 {
        match self {
            Self::Client => 1,
            Self::Token(access) => 2 << access as u8,
        }
    }
}

/// In which direction a message goes, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Publish,
    Subscribe,
}

impl Direction {
    const fn is_in(self, access: Access) -> bool {
        match self {
            Self::Publish => access.writes(),
            Self::Subscribe => access.reads(),
        }
    }
}

/// What there is to compare; most resources need no walk over levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// No wildcard.
    Literal,
    /// `#` as the last of at least two levels, no other wildcard.
    Below,
    /// Anything else.
    Pattern,
}

impl Rule {
    pub(super) fn new(owner: Owner, access: Access, resource: &str) -> Self {
        let form = match resource.find(['+', '#']) {
            None => Form::Literal,
            Some(at) if at > 0 && resource[at..] == *"#" => Form::Below,
            Some(_) => Form::Pattern,
        };
        Self { owner, access, form, resource: resource.into() }
    }

    fn covers(&self, filter: &str) -> bool {
        match self.form {
            Form::Literal => *self.resource == *filter,
            Form::Below => {
                let below = &self.resource[..self.resource.len() - 1];
                filter.starts_with(below) || *filter == below[..below.len() - 1]
            }
            Form::Pattern => filter::covers(&self.resource, filter),
        }
    }
}

impl Table {
    pub(super) const fn new() -> Self {
        Self { rules: Vec::new(), index: Index::new(), writes: false, reads: false }
    }

    pub(super) fn insert(&mut self, rule: Rule) {
        self.reads |= rule.access.reads();
        self.writes |= rule.access.writes();
        self.index.insert(&rule.resource, self.rules.len() as u16); // at most 300
        self.rules.push(rule);
    }

    /// Drops the rules of `owner` and gives it those of `other`, whoever had them there.
    pub(super) fn replace(&mut self, owner: Owner, other: Self) {
        let old = core::mem::replace(self, Self::new());
        old.rules.into_iter().filter(|rule| rule.owner != owner).for_each(|rule| self.insert(rule));
        other.rules.into_iter().for_each(|rule| self.insert(Rule { owner, ..rule }));
    }

    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(super) fn len_without(&self, owner: Owner) -> usize {
        self.rules.iter().filter(|rule| rule.owner != owner).count()
    }

    /// Whether there is any rule about the direction.
    pub(super) const fn is_about(&self, direction: Direction) -> bool {
        match direction {
            Direction::Publish => self.writes,
            Direction::Subscribe => self.reads,
        }
    }

    /// Whether one rule covers all that `filter` matches.
    pub(super) fn covers(&self, direction: Direction, filter: &str) -> bool {
        let covers = |rule: &Rule| direction.is_in(rule.access) && rule.covers(filter);
        self.index.any(filter, |at| self.rules.get(usize::from(at)).is_some_and(covers))
    }

    /// Whether one rule matches something that `filter` matches. Takes the index for what has no wildcards, else looks at every rule.
    pub(super) fn overlaps(&self, direction: Direction, filter: &str) -> bool {
        if !filter.bytes().any(|byte| byte == b'+' || byte == b'#') {
            return self.covers(direction, filter);
        }
        self.rules.iter().any(|rule| direction.is_in(rule.access) && filter::overlaps(&rule.resource, filter))
    }
}

/// The index follows from the rules.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

impl Eq for Table {}
