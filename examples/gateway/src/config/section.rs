//! Reading a TOML document key by key: what is unknown, misplaced or of the wrong type is collected with its line, so that one
//! run of `gateway check` shows everything. Values are never quoted in a message unless the caller does so: they may be secrets.

use std::{
    cell::RefCell,
    ops::{Range, RangeInclusive},
    path::Path,
    sync::Arc,
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    layer::{Origin, Placed, Problem},
    value,
};

/// A document being read, and what is wrong with it so far.
pub(super) struct Document<'a> {
    path: Arc<Path>,
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
}

/// A table of a document. Each key is taken once; [`finish`](Self::finish) reports those that nobody took.
pub(super) struct Section<'d, 'a> {
    document: &'d Document<'a>,
    /// `[limits]`, for messages.
    title: String,
    place: Range<usize>,
    table: DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Document<'a> {
    pub(super) fn new(path: Arc<Path>, text: &'a str) -> Self {
        Self { path, text, problems: RefCell::default() }
    }

    /// The document as a whole; `None` if its grammar is broken, for then nothing else that is said of it would help.
    pub(super) fn root<'d>(&'d self) -> Option<Section<'d, 'a>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            self.problem(error.span().unwrap_or(0..0), error.message());
        }
        if !errors.is_empty() {
            return None;
        }
        let place = table.span();
        let title = "at the top level".to_owned();
        Some(Section { document: self, title, place, table: table.into_inner(), known: Vec::new() })
    }

    pub(super) fn problem(&self, place: Range<usize>, text: impl Into<String>) {
        let problem = Problem { origin: Some(self.origin(place)), text: text.into() };
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    fn origin(&self, place: Range<usize>) -> Origin {
        let before = self.text.as_bytes().get(..place.start).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Origin::File { path: Arc::clone(&self.path), line }
    }
}

impl<'d, 'a> Section<'d, 'a> {
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::String(text) => {
                let parsed = parse(text);
                self.placed(key, &value, parsed)
            }
            other => self.wrong_type(key, &value, "text in quotes", other),
        }
    }

    /// Texts in a list, or a single one.
    pub(super) fn texts<T>(
        &mut self,
        key: &'static str,
        mut parse: impl FnMut(&str) -> Result<T, String>,
    ) -> Option<Placed<Vec<Placed<T>>>> {
        let value = self.take(key)?;
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![&value],
        };
        let mut parsed = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => {
                    let result = parse(text);
                    parsed.extend(self.placed(key, item, result));
                }
                other => parsed.extend(self.wrong_type(key, item, "text in quotes", other)),
            }
        }
        self.placed(key, &value, Ok(parsed))
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<Placed<bool>> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::Boolean(yes) => self.placed(key, &value, Ok(*yes)),
            other => self.wrong_type(key, &value, "true or false", other),
        }
    }

    pub(super) fn number<T: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        range: &RangeInclusive<u64>,
    ) -> Option<Placed<T>> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::Integer(integer) => {
                let number = u64::from_str_radix(integer.as_str(), integer.radix());
                let parsed = number.map_err(|_| value::not_a_number(integer.as_str(), range));
                self.placed(key, &value, parsed.and_then(|number| value::in_range(number, range)))
            }
            other => self.wrong_type(key, &value, "a whole number without quotes", other),
        }
    }

    /// A count of bytes: a number, or text with a unit.
    pub(super) fn bytes<T: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        range: &RangeInclusive<u64>,
    ) -> Option<Placed<T>> {
        if self.table.get(key).is_none_or(|value| !value.get_ref().is_str()) {
            return self.number(key, range);
        }
        self.text(key, |text| {
            let wrong = || format!("{text:?} is not a size; write bytes, or a whole number with KiB, MiB or GiB");
            value::in_range(value::bytes(text).ok_or_else(wrong)?, range)
        })
    }

    pub(super) fn duration(&mut self, key: &'static str, seconds: RangeInclusive<u64>) -> Option<Placed<Duration>> {
        let range = Duration::from_secs(*seconds.start())..=Duration::from_secs(*seconds.end());
        self.text(key, |text| value::duration(text, &range))
    }

    /// The table `[key]`; `title` names it in messages.
    pub(super) fn section(&mut self, key: &'static str, title: &str) -> Option<Section<'d, 'a>> {
        let value = self.take(key)?;
        if !value.get_ref().is_table() {
            return self.wrong_type(key, &value, "a section", value.get_ref());
        }
        self.enter(format!("in [{title}]"), value)
    }

    /// The tables of `[[key]]`; `title` names them in messages.
    pub(super) fn sections(&mut self, key: &'static str, title: &str) -> Vec<Section<'d, 'a>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let of_tables =
            matches!(value.get_ref(), DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_table()));
        if !of_tables {
            let _ = self.wrong_type::<()>(key, &value, &format!("sections under [[{title}]]"), value.get_ref());
            return Vec::new();
        }
        let DeValue::Array(items) = value.into_inner() else {
            return Vec::new();
        };
        items.into_iter().filter_map(|item| self.enter(format!("in [[{title}]]"), item)).collect()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Reports `key` as missing.
    pub(super) fn missing(&self, key: &str, example: &str) {
        self.problem(format!("{key} is missing {}; write {key} = {example}", self.title));
    }

    /// Reports something about the section as a whole.
    pub(super) fn problem(&self, text: impl Into<String>) {
        self.document.problem(self.place.clone(), text);
    }

    /// Reports the keys that were not taken.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let known = self.known.join(", ");
            let text = format!("unknown key {:?} {}; known here: {known}", key.get_ref(), self.title);
            self.document.problem(key.span(), text);
        }
    }

    fn enter(&self, title: String, value: Spanned<DeValue<'a>>) -> Option<Section<'d, 'a>> {
        let place = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            return None;
        };
        Some(Section { document: self.document, title, place, table, known: Vec::new() })
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn placed<T>(&self, key: &str, value: &Spanned<DeValue<'a>>, parsed: Result<T, String>) -> Option<Placed<T>> {
        match parsed {
            Ok(parsed) => Some(Placed { value: parsed, origin: self.document.origin(value.span()) }),
            Err(text) => {
                self.document.problem(value.span(), format!("{key}: {text}"));
                None
            }
        }
    }

    fn wrong_type<T>(&self, key: &str, value: &Spanned<DeValue<'a>>, expected: &str, found: &DeValue<'a>) -> Option<T> {
        self.document.problem(value.span(), format!("{key} must be {expected}, not {}", name_of(found)));
        None
    }
}

fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
