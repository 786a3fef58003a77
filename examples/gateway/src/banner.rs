//! What `gateway serve` prints on stdout once it serves: a line for each listener, and commands to try it with.

use std::{fmt::Write, net::SocketAddr};

use crate::{
    admin,
    config::{AdminToken, Config, Instance, ProfileName, Storage},
    listen::ListenerKind,
    sign::Credentials,
};

const SUBSCRIBER: &str = "GID_Test@@@0001";
const PUBLISHER: &str = "GID_Test@@@0002";

/// What the gateway serves. `demo` is there if the demo instance is.
pub(crate) struct Banner<'a> {
    pub(crate) config: &'a Config,
    pub(crate) listeners: &'a [(ListenerKind, SocketAddr)],
    pub(crate) demo: Option<&'a Instance>,
    /// Somebody can use the admin API.
    pub(crate) has_admin: bool,
}

impl Banner<'_> {
    /// The lines `listening KIND ADDR` come first and are for programs, too; `ready` ends them.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (kind, addr) in self.listeners {
            line(&mut text, format_args!("listening {kind} {addr}"));
        }
        line(&mut text, format_args!("ready"));
        if let Some(demo) = self.demo {
            self.demo(&mut text, demo);
        }
        let mqtt = self.listeners.iter().find(|(kind, _)| *kind == ListenerKind::Mqtt);
        if let Some((_, addr)) = mqtt {
            self.commands(&mut text, *addr);
        }
        if let Some((kind, addr)) = admin::listener(self.config, self.listeners) {
            self.admin(&mut text, kind, addr);
        }
        text
    }

    fn admin(&self, text: &mut String, kind: ListenerKind, addr: SocketAddr) {
        if !self.has_admin {
            return line(
                text,
                format_args!("\nAdmin API: off; give LMQ_ADMIN_TOKEN or --admin-token-file to turn it on"),
            );
        }
        line(text, format_args!("\nAdmin API: {kind}://{addr}/admin/v1; see `gateway admin --help`"));
        match (&self.config.admin.token, &self.config.storage) {
            (AdminToken::OfData, Storage::Data(folder)) => {
                line(text, format_args!("  token in    {}", folder.join(admin::TOKEN_FILE).display()));
            }
            (AdminToken::File(path), _) => line(text, format_args!("  token in    {}", path.display())),
            (AdminToken::OfData | AdminToken::Given(_), _) => {}
        }
    }

    fn demo(&self, text: &mut String, demo: &Instance) {
        let kept = match &self.config.storage {
            Storage::Memory => "until this process ends".to_owned(),
            Storage::Data(folder) => format!("kept in {}", folder.display()),
        };
        line(text, format_args!("\nDemo instance {}, for this machine only; credentials {kept}:", demo.id));
        for account in &demo.accounts {
            for (access_key, secret_key) in &account.keys {
                line(text, format_args!("  access key  {access_key}"));
                line(text, format_args!("  secret key  {}", secret_key.expose()));
            }
            let groups: Vec<_> = account.groups.iter().map(|(group, _)| group.as_str()).collect();
            line(text, format_args!("  groups      {}", groups.join(" ")));
        }
        let topics: Vec<_> = demo.topics.iter().map(|(topic, _)| topic.as_str()).collect();
        line(text, format_args!("  topics      {}", topics.join(" ")));
    }

    fn commands(&self, text: &mut String, addr: SocketAddr) {
        let anonymous = self.config.allow_anonymous && self.config.profile == ProfileName::Mqtt;
        if self.demo.is_none() && !anonymous {
            return;
        }
        line(text, format_args!("\nReceive, in one terminal:"));
        let subscriber = self.client(SUBSCRIBER);
        line(text, format_args!("  mosquitto_sub {} -V mqttv311{subscriber} -q 1 -v -t 'TopicA/#'", place(addr)));
        line(text, format_args!("Send, in another:"));
        let publisher = self.client(PUBLISHER);
        line(
            text,
            format_args!("  mosquitto_pub {} -V mqttv311{publisher} -q 1 -t TopicA/notice -m hello", place(addr)),
        );
    }

    fn client(&self, client_id: &str) -> String {
        let key = |demo: &'_ Instance| demo.accounts.first()?.keys.first().cloned();
        let Some((demo, (access_key, secret_key))) = self.demo.and_then(|demo| Some((demo, key(demo)?))) else {
            return String::new();
        };
        let signed = Credentials::new(client_id, &access_key, &secret_key, &demo.id);
        // Nothing here holds a quote: keys and ids are letters, digits, '-' and '_', the password is Base64.
        format!(" -i {client_id} -u '{}' -P '{}'", signed.username, signed.password)
    }
}

/// `-h HOST -p PORT` of a client on this machine.
fn place(addr: SocketAddr) -> String {
    let host = match addr.ip() {
        ip if !ip.is_unspecified() => ip.to_string(),
        ip if ip.is_ipv4() => "127.0.0.1".to_owned(),
        _ => "::1".to_owned(),
    };
    format!("-h {host} -p {}", addr.port())
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}
