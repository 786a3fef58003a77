//! `FIELD=VALUE` of the command line as members of a JSON object.

use serde_json::{Map, Value};

use crate::error::Error;

/// Text, except where the interface has a number, a truth, or `none` for nothing.
pub(super) fn object(fields: &[String]) -> Result<Value, Error> {
    let mut object = Map::new();
    for field in fields {
        let wrong = || Error::new(format_args!("{field:?} is not FIELD=VALUE"));
        let (path, text) = field.split_once('=').ok_or_else(wrong)?;
        let value = value(path, text).map_err(|text| Error::new(format_args!("{path}: {text}")))?;
        let mut names = path.split('.').rev();
        let last = names.next().ok_or_else(wrong)?;
        let mut target = &mut object;
        for name in names.rev() {
            let inner = target.entry(name).or_insert_with(|| Value::Object(Map::new()));
            target = inner.as_object_mut().ok_or_else(wrong)?;
        }
        target.insert(last.to_owned(), value);
    }
    Ok(Value::Object(object))
}

fn value(path: &str, text: &str) -> Result<Value, String> {
    let is_number = path.ends_with(".max") || path.starts_with("thresholds.");
    match (path, text) {
        (_, "none") if is_number => Ok(Value::Null),
        _ if is_number => text.parse::<u32>().map(Value::from).map_err(|_| format!("{text:?} is not a number")),
        ("enabled" | "awaits_tokens", "true") => Ok(true.into()),
        ("enabled" | "awaits_tokens", "false") => Ok(false.into()),
        ("enabled" | "awaits_tokens", _) => Err(format!("{text:?} is neither true nor false")),
        _ => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(fields: &[&str]) -> Result<Value, String> {
        let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        object(&fields).map_err(|error| error.to_string())
    }

    #[test]
    fn values() {
        let fields = ["limits.connections.max=5", "limits.connections.mode=enforce", "limits.subscriptions.max=none"];
        let limits = json!({ "connections": { "max": 5, "mode": "enforce" }, "subscriptions": { "max": null } });
        assert_eq!(of(&fields), Ok(json!({ "limits": limits })));
        assert_eq!(of(&["access_key=1", "enabled=false"]), Ok(json!({ "access_key": "1", "enabled": false })));
        assert_eq!(of(&["secret=a=b"]), Ok(json!({ "secret": "a=b" })));
        assert_eq!(of(&["x"]), Err("\"x\" is not FIELD=VALUE".to_owned()));
        assert_eq!(of(&["a=1", "a.b=2"]), Err("\"a.b=2\" is not FIELD=VALUE".to_owned()));
        assert_eq!(of(&["thresholds.connections=x"]), Err("thresholds.connections: \"x\" is not a number".to_owned()));
        assert_eq!(of(&["enabled=1"]), Err("enabled: \"1\" is neither true nor false".to_owned()));
    }
}
