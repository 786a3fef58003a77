//! Grammars of names that the product's own types do not cover. All refuse `|`, which joins names, and control characters.

use lmq_auth::Username;

/// The most characters of an account's name, as of an access key.
pub(super) const ACCOUNT_CHARS_MAX: usize = Username::ACCESS_KEY_LEN_MAX;
/// The most characters of a client id on the black list; those of the product have 64.
const CLIENT_CHARS_MAX: usize = 256;
/// The most characters of a custom user name.
const USERNAME_CHARS_MAX: usize = 64;
/// The most characters of a RocketMQ topic.
const MQ_TOPIC_CHARS_MAX: usize = 127;
/// The most characters of a rule's name.
const RULE_CHARS_MAX: usize = 64;

/// An account: 1 to 128 characters.
pub(crate) fn account(text: &str) -> Result<(), String> {
    free(text, ACCOUNT_CHARS_MAX)
}

/// Any client id: 1 to 256 characters.
pub(super) fn client(text: &str) -> Result<(), String> {
    free(text, CLIENT_CHARS_MAX)
}

/// The user name of custom authentication: 1 to 64 characters.
pub(super) fn username(text: &str) -> Result<(), String> {
    free(text, USERNAME_CHARS_MAX)
}

/// A RocketMQ topic: 1 to 127 characters of `A-Z a-z 0-9 _ - % |`, here without `|`.
pub(crate) fn mq_topic(text: &str) -> Result<(), String> {
    plain(text, MQ_TOPIC_CHARS_MAX, "_-%")
}

/// A rule: 1 to 64 characters of `A-Z a-z 0-9 _ -`.
pub(crate) fn rule(text: &str) -> Result<(), String> {
    plain(text, RULE_CHARS_MAX, "_-")
}

fn free(text: &str, chars_max: usize) -> Result<(), String> {
    length(text, chars_max)?;
    match text.chars().find(|c| *c == '|' || c.is_control()) {
        Some(bad) => Err(format!("{bad:?} is not allowed")),
        None => Ok(()),
    }
}

fn plain(text: &str, chars_max: usize, others: &str) -> Result<(), String> {
    length(text, chars_max)?;
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && !others.contains(*c)) {
        Some(bad) => Err(format!("{bad:?} is not allowed; write letters, digits or one of {others}")),
        None => Ok(()),
    }
}

fn length(text: &str, chars_max: usize) -> Result<(), String> {
    if text.is_empty() || text.chars().nth(chars_max).is_some() {
        return Err(format!("must have 1 to {chars_max} characters"));
    }
    Ok(())
}
