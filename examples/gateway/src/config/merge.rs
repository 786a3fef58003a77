//! One configuration out of all sources.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
};

use tracing::level_filters::LevelFilter;

use super::{
    Admin, AdminToken, Config, Instance, Limits, Log, LogFormat, Ports, ProfileName, Storage, TlsFiles, environment,
    file::File,
    layer::{Layer, Origin, Placed, Problem},
    value,
};
use crate::{
    admin::Token,
    cli::ServeArgs,
    demo,
    error::Error,
    listen::{Address, ListenerKind},
};

/// What `gateway serve` with `flags` runs with. The error is the first thing that is wrong.
pub(crate) fn load(flags: &ServeArgs) -> Result<Config, Error> {
    let variables = environment::serve_args()?;
    let mut problems = Vec::new();
    let mut layers = vec![
        Layer::of_texts(flags, Origin::Flag, &mut problems),
        Layer::of_texts(&variables, Origin::Variable, &mut problems),
    ];
    let file = match flags.config.as_deref().or(variables.config.as_deref()) {
        Some(path) => {
            let (file, more) = File::read(path)?;
            problems.extend(more);
            file
        }
        None => File::default(),
    };
    layers.push(file.layer);
    let admin_token = environment::text("admin-token")?;
    let config = Merged { layers: &layers, admin_token }.config(file.limits, file.instances, &mut problems);
    match problems.into_iter().next() {
        Some(problem) => Err(Error::new(problem)),
        None => Ok(config),
    }
}

/// What the file at `path` gives by itself, and everything that is wrong with it, by line.
pub(crate) fn merge_file(path: &Path) -> Result<(Config, Vec<Problem>), Error> {
    let (file, mut problems) = File::read(path)?;
    let layers = [file.layer];
    let config = Merged { layers: &layers, admin_token: None }.config(file.limits, file.instances, &mut problems);
    problems.sort_by_key(Problem::line);
    Ok((config, problems))
}

/// The sources, the strongest first.
struct Merged<'a> {
    layers: &'a [Layer],
    /// The token of the admin API as the variable has it.
    admin_token: Option<String>,
}

impl Merged<'_> {
    fn config(&self, limits: Limits, instances: Vec<Instance>, problems: &mut Vec<Problem>) -> Config {
        let profile = self.first(|layer| layer.profile.as_ref()).map_or(ProfileName::Lmq, |p| p.value);
        let allow_anonymous = self.allow_anonymous(profile, problems);
        self.check_awaiting(profile, problems);
        let demo = instances.is_empty() && !allow_anonymous;
        let listeners = self.listeners(demo, problems);
        let tls = self.tls(problems);
        self.check_tls(&listeners, tls.is_some(), problems);
        let remote =
            listeners.iter().find(|(_, address, _)| address.is_openly_remote()).map(|(_, _, origin)| origin.clone());
        let config = Config {
            profile,
            listeners: listeners.into_iter().map(|(kind, address, _)| (kind, address)).collect(),
            tls,
            storage: self.storage(problems),
            threads: self.first(|layer| layer.threads.as_ref()).map_or_else(cores, |p| p.value),
            open_http: self.first(|layer| layer.open_http.as_ref()).is_some_and(|p| p.value),
            allow_anonymous,
            admin: Admin {
                token: self.admin_token(problems),
                remote: self.first(|layer| layer.admin_remote.as_ref()).is_some_and(|p| p.value),
            },
            log: Log {
                level: self.first(|layer| layer.log_level.as_ref()).map_or(LevelFilter::INFO, |p| p.value),
                format: self.first(|layer| layer.log_format.as_ref()).map_or(LogFormat::Text, |p| p.value),
            },
            limits,
            instances,
        };
        if let (true, Some(origin)) = (config.wants_demo(), remote) {
            let text = demo::LOOPBACK_ONLY.to_owned();
            problems.push(Problem { origin, text });
        }
        config
    }

    fn allow_anonymous(&self, profile: ProfileName, problems: &mut Vec<Problem>) -> bool {
        let Some(placed) = self.first(|layer| layer.allow_anonymous.as_ref()) else {
            return false;
        };
        if placed.value && profile == ProfileName::Lmq {
            let text = "allow-anonymous needs profile mqtt: profile lmq always checks credentials";
            problems.push(Problem { origin: Some(placed.origin.clone()), text: text.to_owned() });
        }
        placed.value
    }

    fn check_awaiting(&self, profile: ProfileName, problems: &mut Vec<Problem>) {
        let awaits = self.first(|layer| layer.awaits_tokens.as_ref());
        if let (Some(placed), ProfileName::Mqtt) = (awaits, profile) {
            let text = "awaits-tokens needs profile lmq: with profile mqtt nobody uploads tokens";
            problems.push(Problem { origin: Some(placed.origin.clone()), text: text.to_owned() });
        }
    }

    fn first<T>(&self, of: impl Fn(&Layer) -> Option<&Placed<T>>) -> Option<&Placed<T>> {
        self.layers.iter().find_map(of)
    }

    /// Once an address is named anywhere, only named listeners run; until then the defaults do, except those turned off. The product's
    /// ports are there unless another address of their kind is named, or it is turned off.
    fn listeners(&self, demo: bool, problems: &mut Vec<Problem>) -> Vec<(ListenerKind, Address, Option<Origin>)> {
        let product = self.first(|layer| layer.ports.as_ref()).filter(|placed| placed.value == Ports::Product);
        let mut named = BTreeMap::new();
        for kind in ListenerKind::ALL {
            if let Some(placed) = self.first(|layer| layer.listeners.get(&kind)) {
                named.insert(kind, placed);
            }
        }
        let any_address = named.values().any(|placed| !placed.value.is_empty());
        let mut found = Vec::new();
        for kind in ListenerKind::ALL {
            match named.get(&kind) {
                Some(placed) => {
                    let addresses = placed.value.iter().cloned();
                    found.extend(addresses.map(|address| (kind, address, Some(placed.origin.clone()))));
                }
                None if product.is_some() => {
                    let origin = product.map(|placed| placed.origin.clone());
                    found.extend(Address::product_of(kind, demo).map(|address| (kind, address, origin)));
                }
                None if !any_address => found.extend(Address::default_of(kind).map(|address| (kind, address, None))),
                None => {}
            }
        }
        if found.is_empty() {
            let text = "every listener is off; leave one on".to_owned();
            let origin = named.values().next().map(|placed| placed.origin.clone());
            problems.push(Problem { origin, text });
        }
        found
    }

    /// The token in a variable wins over all but a flag.
    fn admin_token(&self, problems: &mut Vec<Problem>) -> AdminToken {
        let file = self.first(|layer| layer.admin_token_file.as_ref());
        let flag = file.filter(|placed| matches!(placed.origin, Origin::Flag(_)));
        match (flag, &self.admin_token, file) {
            (Some(flag), _, _) => AdminToken::File(flag.value.clone()),
            (None, Some(text), _) => match Token::parse(text) {
                Ok(token) => AdminToken::Given(token),
                Err(text) => {
                    problems.push(Problem { origin: Some(Origin::Variable("admin-token")), text });
                    AdminToken::OfData
                }
            },
            (None, None, Some(file)) => AdminToken::File(file.value.clone()),
            (None, None, None) => AdminToken::OfData,
        }
    }

    fn tls(&self, problems: &mut Vec<Problem>) -> Option<TlsFiles> {
        let cert = self.first(|layer| layer.tls_cert.as_ref());
        let key = self.first(|layer| layer.tls_key.as_ref());
        match (cert, key) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert: cert.value.clone(), key: key.value.clone() }),
            (None, None) => None,
            (Some(only), None) => {
                let text = "a certificate needs its key; give tls-key, too".to_owned();
                problems.push(Problem { origin: Some(only.origin.clone()), text });
                None
            }
            (None, Some(only)) => {
                let text = "a key needs its certificate; give tls-cert, too".to_owned();
                problems.push(Problem { origin: Some(only.origin.clone()), text });
                None
            }
        }
    }

    fn check_tls(
        &self,
        listeners: &[(ListenerKind, Address, Option<Origin>)],
        has_tls: bool,
        problems: &mut Vec<Problem>,
    ) {
        let half = |layer: &Layer| layer.tls_cert.is_some() || layer.tls_key.is_some();
        if has_tls || self.layers.iter().any(half) {
            return;
        }
        if let Some((kind, _, origin)) = listeners.iter().find(|(kind, ..)| kind.is_tls()) {
            let text = format!(
                "{kind} needs a certificate; give tls-cert and tls-key (`gateway cert` makes a pair for localhost)"
            );
            problems.push(Problem { origin: origin.clone(), text });
        }
    }

    fn storage(&self, problems: &mut Vec<Problem>) -> Storage {
        let mut memory_is_refused = false;
        for layer in self.layers {
            match (&layer.data, &layer.memory) {
                (Some(_), Some(Placed { value: true, origin })) => {
                    let text = "a data directory and memory exclude each other".to_owned();
                    problems.push(Problem { origin: Some(origin.clone()), text });
                    return Storage::Memory;
                }
                (Some(dir), _) => return Storage::Data(dir.value.clone()),
                (None, Some(Placed { value: true, .. })) if !memory_is_refused => {
                    return Storage::Memory;
                }
                (None, memory) => memory_is_refused |= memory.is_some(),
            }
        }
        Storage::Data(PathBuf::from("./lmq-data"))
    }
}

fn cores() -> u16 {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    u16::try_from(cores.min(*value::THREADS.end())).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;

    fn addresses(text: &str) -> (Vec<String>, Vec<String>) {
        let (file, mut problems) = File::parse(Path::new("x.toml"), text);
        let config =
            Merged { layers: &[file.layer], admin_token: None }.config(file.limits, file.instances, &mut problems);
        let listeners = config.listeners.iter().map(|(kind, address)| format!("{kind} {address}"));
        (listeners.collect(), problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn ports_of_the_product() {
        let tls = "[tls]\ncert = \"c\"\nkey = \"k\"\n";
        let instance = "[[instance]]\nid = \"mqtt-cn-test0001\"\n";
        let text = format!("ports = \"product\"\n{tls}{instance}");
        let expected =
            ["mqtt 0.0.0.0:1883", "mqtts 0.0.0.0:8883", "ws 0.0.0.0:80", "wss 0.0.0.0:443", "http 127.0.0.1:8080"];
        assert_eq!(addresses(&text), (expected.map(String::from).to_vec(), vec![]));
        let (demo, problems) = addresses(&format!("ports = \"product\"\n{tls}"));
        assert!(problems.is_empty() && demo.iter().all(|listener| listener.contains(" 127.0.0.1:")), "{demo:?}");
        let named = "[listeners]\nws = \"127.0.0.1:8000\"\nmqtts = \"off\"\n";
        let (listeners, _) = addresses(&format!("ports = \"product\"\n{named}{tls}{instance}"));
        assert_eq!(listeners, ["mqtt 0.0.0.0:1883", "ws 127.0.0.1:8000", "wss 0.0.0.0:443", "http 127.0.0.1:8080"]);
        let (_, problems) = addresses(&format!("ports = \"product\"\n{instance}"));
        assert!(problems[0].starts_with("x.toml:1: mqtts needs a certificate"), "{problems:?}");
    }

    #[test]
    fn the_example_shows_the_default_limits() {
        let path = Path::new("gateway.example.toml");
        let text = include_str!("../../gateway.example.toml");
        let (file, problems) = File::parse(path, text);
        assert_eq!(problems, []);
        let mut shown =
            Merged { layers: &[file.layer], admin_token: None }.config(file.limits, file.instances, &mut Vec::new());
        let with_file = settings::of(&shown, Vec::new());
        assert_eq!(shown.limits.drain_grace(), Limits::default().drain_grace());
        assert_eq!(shown.limits.http_connections_max(), Limits::default().http_connections_max());
        shown.limits = Limits::default();
        assert_eq!(with_file, settings::of(&shown, Vec::new()));
    }
}
