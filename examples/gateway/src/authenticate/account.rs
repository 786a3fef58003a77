//! An access key and a signature: `Signature|<access key>|<instance>`, or the bare access key of 2018.

use lmq_auth::{Bare, Holder, Permissions, SecretKey, Signature, Signed};
use lmq_broker::{Grant, Refusal};

use super::{answer::No, ask::Ask};

/// `Signature|<access key>|<instance>`.
pub(super) fn signed(ask: &Ask<'_>, signed: &Signed<'_>) -> Result<Grant, No> {
    if !ask.has_groups() {
        return any_client(ask, signed.access_key());
    }
    let client = ask.client()?;
    decide(ask, signed.access_key(), |key| signed.verify(key, client).is_ok())
}

/// A bare access key.
pub(super) fn bare(ask: &Ask<'_>, bare: &Bare<'_>) -> Result<Grant, No> {
    if !ask.has_groups() {
        return any_client(ask, bare.name());
    }
    let client = ask.client()?;
    decide(ask, bare.name(), |key| bare.verify(key.map_or(Holder::Nobody, Holder::Account), client).is_ok())
}

/// Without the product's rules any client id is signed as a whole.
fn any_client(ask: &Ask<'_>, access_key: &str) -> Result<Grant, No> {
    decide(ask, access_key, |key| {
        let key = key.unwrap_or(ask.decoy);
        Signature::of_text(key, ask.client_id).matches(ask.password)
    })
}

/// `verify` is asked with `None` where there is no such key, and takes as long then.
fn decide(ask: &Ask<'_>, access_key: &str, verify: impl Fn(Option<&SecretKey>) -> bool) -> Result<Grant, No> {
    let known = ask.instance.usable_key(access_key);
    let verified = verify(known.map(|key| key.value.secret_key.key()));
    let Some(key) = known.filter(|_| verified) else {
        let foreign = ask.has_groups() && is_good_elsewhere(ask, access_key, verify);
        return Err(if foreign { Refusal::NotAuthorized } else { Refusal::Credentials }.into());
    };
    ask.check_group_of(&key.value.account)?;
    Ok(Grant::new(Permissions::everything()).of_principal(key.principal))
}

/// Whether the signature is that of a key of another instance.
fn is_good_elsewhere(ask: &Ask<'_>, access_key: &str, verify: impl Fn(Option<&SecretKey>) -> bool) -> bool {
    let others = ask.snapshot.iter().filter(|other| other.index != ask.instance.index);
    let mut keys = others.filter_map(|other| other.usable_key(access_key));
    keys.any(|key| verify(Some(key.value.secret_key.key())))
}
