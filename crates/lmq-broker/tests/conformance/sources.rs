//! The tests of the broker, read from their sources.

use std::{collections::BTreeMap, fs, path::Path};

/// What the source of a test says.
#[derive(Debug, Default)]
pub(crate) struct Test {
    /// The statements it names in brackets.
    pub(crate) cites: Vec<String>,
    pub(crate) ignored: bool,
}

/// Every test in `tests/broker`, by `module::name`.
pub(crate) fn tests() -> BTreeMap<String, Test> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broker");
    let mut tests = BTreeMap::new();
    for file in fs::read_dir(&folder).expect("the tests of the broker") {
        let path = file.expect("a file").path();
        let module = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let source = fs::read_to_string(&path).expect("a source");
        scan(&module, &source, &mut tests);
    }
    assert!(tests.len() > 200, "{}", tests.len());
    tests
}

fn scan(module: &str, source: &str, tests: &mut BTreeMap<String, Test>) {
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[test]" {
            continue;
        }
        let mut test = Test::default();
        let head =
            lines.by_ref().inspect(|line| test.ignored |= line.contains("#[ignore")).find(|line| line.contains("fn "));
        let head = head.expect("a function behind #[test]");
        let name = head.trim().trim_start_matches("fn ").split('(').next().expect("a name");
        let end = format!("{}}}", &head[..head.len() - head.trim_start().len()]);
        for line in lines.by_ref().take_while(|line| *line != end) {
            test.cites.extend(cited(line));
        }
        let before = tests.insert(format!("{module}::{name}"), test);
        assert!(before.is_none(), "{module}::{name} is there twice");
    }
}

/// The ids that stand in brackets.
fn cited(line: &str) -> impl Iterator<Item = String> {
    line.split("[MQTT-").skip(1).filter_map(|part| part.split_once(']')).map(|(id, _)| format!("MQTT-{id}"))
}
