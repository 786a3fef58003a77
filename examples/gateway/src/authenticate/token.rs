//! Tokens: those of `Token|<access key>|<instance>`, and those that `$SYS/uploadToken` brings later.

use std::num::NonZeroU64;

use lmq_auth::{Denial, Permissions, TokenHolder};
use lmq_broker::{Grant, Refusal};
use lmq_id::Access;

use super::{answer::No, ask::Ask};

/// Every token has to be good, and of the account and for the instance that the client names.
pub(super) fn decide(ask: &Ask<'_>, holder: &TokenHolder<'_>) -> Result<Grant, No> {
    let mut grant = Grant::new(Permissions::nothing());
    for (access, text) in holder.tokens().iter() {
        let rights = ask.tokens.check(text, access, holder.access_key(), &ask.instance.id, ask.now_ms);
        let rights = rights.map_err(|denial| match denial {
            // Good for somebody else, or somewhere else.
            Denial::Signature => No::Refused(Refusal::NotAuthorized),
            denial => No::Token(denial),
        })?;
        // 100 resources of each of three tokens are as many as there may be.
        grant.permissions.set_token(access, rights.permissions).map_err(|_| Denial::Resource)?;
        grant = grant.with_token(rights.term);
    }
    // Only who has a token made with the key learns that the key is gone.
    let key = ask.instance.usable_key(holder.access_key()).ok_or(Denial::Account)?;
    ask.check_group_of(&key.value.account)?;
    Ok(grant.of_principal(key.principal))
}

/// A client without credentials: where its instance has that, it is let upload a token.
pub(super) fn awaited(ask: &Ask<'_>) -> Result<Grant, No> {
    if !ask.has_groups() || !ask.instance.spec.value.awaits_tokens {
        return Err(Refusal::Credentials.into());
    }
    ask.check_group()?;
    ask.check_black_list()?;
    Err(No::NotYet)
}

/// A token that is uploaded. It has to be of the access key that its connection came in with, as whoever is that key's principal is
/// closed when the key goes; of who has only now proved anything, of the account that has its group.
pub(super) fn uploaded(ask: &Ask<'_>, access: Access, text: &str, principal: Option<NonZeroU64>) -> Result<Grant, No> {
    let access_key = ask.tokens.access_key(text)?;
    let key = ask.instance.keys.get(&access_key);
    let foreign = key.is_some_and(|key| {
        ask.is_group_foreign_to(&key.value.account) || principal.is_some_and(|principal| principal != key.principal)
    });
    if foreign {
        return Err(Denial::Signature.into());
    }
    let rights = ask.tokens.check(text, access, &access_key, &ask.instance.id, ask.now_ms)?;
    let key = ask.instance.usable_key(&access_key).ok_or(Denial::Account)?;
    ask.check_group_of(&key.value.account)?;
    Ok(Grant::new(rights.permissions).with_token(rights.term).of_principal(key.principal))
}
