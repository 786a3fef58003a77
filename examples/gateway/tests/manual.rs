//! README.md and gateway.example.toml name everything there is.

mod common;

use std::{fs, path::Path};

use common::{Place, http_get, text};

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect()
}

#[test]
fn every_flag_and_variable() {
    let place = Place::new();
    let readme = file("README.md");
    let commands =
        ["serve", "sign", "check", "cert", "admin", "store check", "store stats", "store compact", "store export"];
    let more = ["store purge", "token mint", "token show", "token revoke", "admin create", "admin list"];
    for command in commands.into_iter().chain(more) {
        let output = place.run(command.split(' ').chain(["--help"]));
        let help = text(&output.stdout);
        let flags = help.split_whitespace().filter(|word| word.starts_with("--") && *word != "--help");
        for flag in flags.map(|flag| flag.split(['=', '[', '.']).next().unwrap()) {
            assert!(readme.contains(&format!("| `{flag}")), "{flag} is not in the table of settings");
        }
        let variables = help.split("[env: ").skip(1).map(|rest| rest.split(']').next().unwrap());
        for variable in variables {
            assert!(readme.contains(&format!("`{variable}`")), "{variable} is not in README.md");
        }
    }
}

#[test]
fn every_key() {
    // What `check` says is known, key by key.
    let place = Place::new();
    place.file(
        "gateway.toml",
        "x = 1\n[listeners]\nx = 1\n[tls]\nx = 1\n[data]\nx = 1\n[admin]\nx = 1\n[log]\nx = 1\n[limits]\nx = 1\n\
         [[instance]]\nid = \"a\"\nx = 1\n[instance.quota]\nx = 1\n[[instance.account]]\naccess-key = \"A\"\nsecret-key = \"S\"\nx = 1\n",
    );
    let output = place.run(["check", "--config", "gateway.toml"]);
    let (readme, example) = (file("README.md"), file("gateway.example.toml"));
    let quoted: String = readme.split('`').skip(1).step_by(2).map(|part| format!("{part} ")).collect();
    let mut sections = 0;
    for line in text(&output.stderr).lines() {
        sections += 1;
        for key in line.split("known here: ").nth(1).unwrap().split(", ") {
            assert!(words(&example).contains(&key), "{key} is not in gateway.example.toml");
            assert!(words(&quoted).contains(&key), "{key} is not in README.md");
        }
    }
    assert_eq!(sections, 10);
}

#[test]
fn every_metric() {
    let place = Place::new();
    let gateway = place.start(["--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let answer = http_get(gateway.addr("http"), "/metrics");
    let readme = file("README.md");
    let names: Vec<_> = answer.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert!(names.len() > 10, "{answer}");
    for name in names.iter().map(|line| line.split(' ').next().unwrap()) {
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in README.md");
    }
}
