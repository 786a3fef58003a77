//! How objects of the registry look in the interface.

use lmq_auth::SecretKey;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    random,
    registry::{
        Account, Banned, Device, Entry, EventTopic, Fault, Group, Identity, Key, Object, Origin, Permission, Rule,
        Topic,
    },
};

/// Characters of an access key that is made, and of a secret.
const ACCESS_KEY_CHARS: usize = 20;
const SECRET_CHARS: usize = 30;

/// A kind of object with paths of its own.
pub(super) trait Resource: Object {
    /// The last part of the path of the list.
    const PATH: &'static str;
    /// What PATCH may change; nothing: there is no PATCH.
    const MUTABLE: &'static [&'static str] = &[];
    /// The member that is shown to nobody but the one who makes the object.
    const SECRET: Option<&'static str> = None;

    /// The name and the value that a body asks for.
    fn read(mut body: Map<String, Value>) -> Result<(String, Self), Fault> {
        let name = taken(&mut body, Self::FIELD)?;
        Ok((name, value_of(body)?))
    }
}

impl Resource for Account {
    const PATH: &'static str = "accounts";
    const MUTABLE: &'static [&'static str] = &["enabled"];
}

impl Resource for Key {
    const PATH: &'static str = "keys";
    const MUTABLE: &'static [&'static str] = &["enabled"];
    const SECRET: Option<&'static str> = Some("secret_key");

    /// What is not given is made.
    fn read(mut body: Map<String, Value>) -> Result<(String, Self), Fault> {
        fill(&mut body, Self::FIELD, "AK", ACCESS_KEY_CHARS)?;
        fill(&mut body, "secret_key", "", SECRET_CHARS)?;
        let name = taken(&mut body, Self::FIELD)?;
        Ok((name, value_of(body)?))
    }
}

impl Resource for Group {
    const PATH: &'static str = "groups";
    const MUTABLE: &'static [&'static str] = &["status"];
}

impl Resource for Topic {
    const PATH: &'static str = "topics";
}

impl Resource for EventTopic {
    const PATH: &'static str = "event-topics";
}

impl Resource for Rule {
    const PATH: &'static str = "rules";
}

impl Resource for Device {
    const PATH: &'static str = "device-credentials";
    const SECRET: Option<&'static str> = Some("secret_key");

    /// What is not given is made.
    fn read(mut body: Map<String, Value>) -> Result<(String, Self), Fault> {
        fill(&mut body, "access_key", "DC.", ACCESS_KEY_CHARS)?;
        fill(&mut body, "secret_key", "DC.", SECRET_CHARS)?;
        let name = taken(&mut body, Self::FIELD)?;
        Ok((name, value_of(body)?))
    }
}

impl Resource for Identity {
    const PATH: &'static str = "identities";
    const MUTABLE: &'static [&'static str] = &["sign_mode", "secret"];
    const SECRET: Option<&'static str> = Some("secret");

    fn read(body: Map<String, Value>) -> Result<(String, Self), Fault> {
        let value: Self = value_of(body)?;
        Ok((value.name(), value))
    }
}

impl Resource for Permission {
    const PATH: &'static str = "permissions";
    const MUTABLE: &'static [&'static str] = &["effect", "permit_action"];

    fn read(body: Map<String, Value>) -> Result<(String, Self), Fault> {
        let value: Self = value_of(body)?;
        Ok((value.name(), value))
    }
}

impl Resource for Banned {
    const PATH: &'static str = "black-list";
}

/// What everybody may see of an object.
pub(super) fn view<T: Resource>(name: &str, entry: &Entry<T>) -> Value {
    let mut members = members(&entry.value);
    if let Some(secret) = T::SECRET {
        members.remove(secret);
    }
    members.insert(T::FIELD.to_owned(), name.into());
    described(members, entry)
}

/// What the one who made an object sees of it.
pub(super) fn whole<T: Resource>(name: &str, entry: &Entry<T>) -> Value {
    let mut members = members(&entry.value);
    members.insert(T::FIELD.to_owned(), name.into());
    described(members, entry)
}

/// With what is known of every object.
pub(super) fn described<T>(mut members: Map<String, Value>, entry: &Entry<T>) -> Value {
    let origin = match entry.origin {
        Origin::File => "file",
        Origin::Api => "api",
    };
    members.insert("origin".to_owned(), origin.into());
    members.insert("created_ms".to_owned(), entry.created_ms.into());
    members.insert("updated_ms".to_owned(), entry.updated_ms.into());
    Value::Object(members)
}

/// `old` with what `patch` says of it, as RFC 7396 has it; only members named in `mutable` may be changed.
pub(super) fn patched<T: Serialize + DeserializeOwned>(
    old: &T,
    patch: Map<String, Value>,
    mutable: &[&str],
) -> Result<T, Fault> {
    if let Some(fixed) = patch.keys().find(|member| !mutable.contains(&member.as_str())) {
        let text = format_args!("{fixed:?} cannot be changed; what can: {}", mutable.join(", "));
        return Err(Fault::invalid("body", text));
    }
    let mut members = members(old);
    for (member, change) in patch {
        merge(members.entry(member).or_insert(Value::Null), change);
    }
    value_of(members)
}

/// Depth is bounded by that of the parser.
fn merge(target: &mut Value, change: Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (member, change) in change {
                merge(target.entry(member).or_insert(Value::Null), change);
            }
        }
        (target, change) => *target = change,
    }
}

/// An object from the members of a body.
pub(super) fn value_of<T: DeserializeOwned>(body: Map<String, Value>) -> Result<T, Fault> {
    serde_json::from_value(Value::Object(body)).map_err(|error| Fault::invalid("body", error))
}

/// Takes a text out of a body.
pub(super) fn taken(body: &mut Map<String, Value>, field: &'static str) -> Result<String, Fault> {
    match body.remove(field) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Fault::invalid(field, "must be text")),
        None => Err(Fault::invalid(field, "is missing")),
    }
}

/// A random secret.
pub(super) fn secret(prefix: &str) -> Result<SecretKey, Fault> {
    let text = zeroize::Zeroizing::new(format!("{prefix}{}", random(SECRET_CHARS)?));
    text.parse().map_err(|error| Fault::invalid("secret_key", error))
}

fn fill(body: &mut Map<String, Value>, field: &str, prefix: &str, chars: usize) -> Result<(), Fault> {
    if !body.contains_key(field) {
        body.insert(field.to_owned(), format!("{prefix}{}", random(chars)?).into());
    }
    Ok(())
}

fn random(chars: usize) -> Result<String, Fault> {
    random::text(chars).map_err(|error| Fault::Store(error.to_string()))
}

pub(super) fn members<T: Serialize>(value: &T) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members,
        // Objects are structures of plain values.
        _ => Map::new(),
    }
}
