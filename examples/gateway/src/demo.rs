//! The demo instance: what runs when nothing is configured. Its credentials are random, kept in the data directory, and good for
//! loopback listeners only.

use std::{fs, io, path::Path};

use lmq_auth::SecretKey;
use lmq_broker::InstanceQuota;
use lmq_id::InstanceId;
use toml::de::DeTable;

use crate::{
    config::{Account, Instance, Storage},
    error::Error,
    files::{self, Readers},
    listen::{BoundListener, is_loopback},
    random,
    registry::{GroupStatus, Thresholds, TopicKind},
};

const INSTANCE: &str = "mqtt-cn-demo0001";
/// The group ids and parent topics that the product's documents use.
const GROUPS: [&str; 6] = ["GID_Test", "GID_AAA", "GID_XXX", "GID_mqttdelay3", "GID_teacher", "GID_student"];
const TOPICS: [&str; 6] = ["TopicA", "TopicB", "Topic", "MQTTTestTopic", "room", "roomSend"];
/// Why a listener is refused.
pub(crate) const LOOPBACK_ONLY: &str =
    "the demo instance is served on loopback only; configure an [[instance]] to listen here";
const FILE: &str = "demo.toml";

/// The id of the demo instance.
pub(crate) fn instance_id() -> InstanceId {
    INSTANCE.parse().expect("the constant is an instance id, as a test shows")
}

/// Refuses listeners that other machines reach. Addresses written as such were refused with the configuration; these are what names
/// resolved to.
pub(crate) fn check_listeners(listeners: &[BoundListener]) -> Result<(), Error> {
    match listeners.iter().find(|listener| !is_loopback(listener.local_addr)) {
        Some(open) => Err(Error::new(format_args!("{} {}: {LOOPBACK_ONLY}", open.kind, open.local_addr.ip()))),
        None => Ok(()),
    }
}

/// The demo instance with the credentials of `storage`; they are made on first use.
pub(crate) fn load(storage: &Storage) -> Result<Instance, Error> {
    let keys = match storage {
        Storage::Memory => Keys::random()?,
        Storage::Data(folder) => Keys::of_folder(folder)?,
    };
    let name = "the constants are names, as a test shows";
    let account = Account {
        name: keys.access_key.clone(),
        parent: None,
        keys: vec![(keys.access_key, keys.secret_key)],
        groups: GROUPS.iter().map(|group| (group.parse().expect(name), GroupStatus::Serving)).collect(),
    };
    Ok(Instance {
        id: instance_id(),
        topics: TOPICS.iter().map(|topic| (topic.parse().expect(name), TopicKind::Normal)).collect(),
        event_topics: Vec::new(),
        accounts: vec![account],
        rules: Vec::new(),
        quota: InstanceQuota::default(),
        thresholds: Thresholds::default(),
        awaits_tokens: false,
    })
}

struct Keys {
    access_key: String,
    secret_key: SecretKey,
}

impl Keys {
    fn random() -> Result<Self, Error> {
        let secret_key = random::text(30)?.parse().map_err(Error::new)?;
        Ok(Self { access_key: format!("DEMO{}", random::text(16)?), secret_key })
    }

    /// Nobody else is in the folder: the registry's file in it is locked.
    fn of_folder(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        if !path.exists() {
            let failed = |e: io::Error| Error::io(format_args!("cannot write {}", path.display()), &e);
            files::create_private_folder(folder).map_err(failed)?;
            Self::random()?.write(folder, &path).map_err(failed)?;
        }
        Self::read(&path)
    }

    /// Whole or not at all.
    fn write(&self, folder: &Path, path: &Path) -> io::Result<()> {
        let new = folder.join(format!("{FILE}.new"));
        let content = format!(
            "# Demo credentials of this folder, made by `gateway`. Delete the file to get new ones.\n\
             access-key = \"{}\"\nsecret-key = \"{}\"\n",
            self.access_key,
            self.secret_key.expose()
        );
        match fs::remove_file(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => files::create(&new, &content, Readers::Owner)?,
        }
        fs::rename(&new, path)
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let text = files::read_text(path)?;
        let again = "delete it to get new credentials";
        files::check_private(path).map_err(|e| Error::new(format_args!("{e}; {again}")))?;
        let damaged = || Error::new(format_args!("{} is damaged; {again}", path.display()));
        let table = DeTable::parse(&text).map_err(|_| damaged())?.into_inner();
        let value = |key: &str| table.get(key).and_then(|value| value.get_ref().as_str());
        let (Some(access_key), Some(secret_key)) = (value("access-key"), value("secret-key")) else {
            return Err(damaged());
        };
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_plain(access_key) || !is_plain(secret_key) {
            return Err(damaged());
        }
        let secret_key = secret_key.parse().map_err(|_| damaged())?;
        Ok(Self { access_key: access_key.to_owned(), secret_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::{self, ListenerKind};

    #[test]
    fn constants_are_names() {
        let demo = load(&Storage::Memory).unwrap();
        assert_eq!(demo.id.as_str(), INSTANCE);
        assert_eq!((demo.topics.len(), demo.accounts[0].groups.len()), (6, 6));
    }

    #[test]
    fn a_name_that_resolves_elsewhere_is_refused() {
        let listener = listen::bind(ListenerKind::Ws, &"0.0.0.0:0".parse().unwrap()).unwrap();
        assert_eq!(check_listeners(&[listener]).unwrap_err().to_string(), format!("ws 0.0.0.0: {LOOPBACK_ONLY}"));
    }
}
