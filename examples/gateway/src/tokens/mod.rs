//! Tokens: the keys they are made with, and which of them are revoked. Shared by HTTP, which makes and revokes them, and by the message
//! path, which checks them.
//!
//! | file | what is in it |
//! |---|---|
//! | `ring` | [`Ring`]: the keys, and when one may go |
//! | `store` | [`TokenStore`]: keys and revocations in `registry.redb` |
//!
//! A token is not stored anywhere: it says all it grants, under the tag of a key. What is stored are the keys, without which no token outlives
//! the process, and the ids of revoked tokens until these expire.

mod ring;
mod store;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use lmq_auth::{
    Denial, MintError, Revocations, RevokeError, Token, TokenAuthority, TokenClaims, TokenId, TokenRequest, TokenRights,
};
use lmq_id::Access;
use tracing::error;

use self::ring::Ring;
pub(crate) use self::store::TokenStore;
use crate::error::Error;

/// Revoked tokens that are remembered until they expire; at 150 bytes each. One more cannot be revoked.
pub(crate) const REVOCATIONS_MAX: usize = 200_000;

/// Keys and revocations.
pub(crate) struct Tokens {
    now: RwLock<State>,
    /// `None`: nothing outlives the process. Changes are made one at a time.
    store: Mutex<Option<TokenStore>>,
    listener: OnceLock<Box<dyn Fn(TokenId) + Send + Sync>>,
}

struct State {
    ring: Ring,
    authority: TokenAuthority,
    revocations: Revocations,
}

/// Why a token was not revoked, or a key not made.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The token, or the room for it.
    Token(RevokeError),
    /// There are as many keys as may be, and the tokens of the oldest may still live.
    KeysFull,
    /// It could not be made durable; our side's fault.
    Store,
}

impl Tokens {
    /// With what `store` has; the first key is made if there is none.
    pub(crate) fn open(store: Option<TokenStore>, now_ms: u64) -> Result<Self, Error> {
        let failed = |e: redb::Error| Error::new(format_args!("cannot read the keys of tokens: {e}"));
        let keys = store.as_ref().map(TokenStore::keys).transpose().map_err(failed)?.unwrap_or_default();
        let revoked = store.as_ref().map(TokenStore::revoked).transpose().map_err(failed)?.unwrap_or_default();
        let mut ring = Ring::new(keys);
        if ring.is_empty() {
            let key = ring.next(now_ms)?;
            if let Some(store) = &store {
                store.add_key(&key, &[]).map_err(|e| Error::new(format_args!("cannot store a key: {e}")))?;
            }
            ring.add(key);
        }
        let mut revocations = Revocations::new(REVOCATIONS_MAX);
        for (id, expires) in revoked {
            let kept = revocations.revoke(id, expires, now_ms);
            kept.map_err(|e| Error::new(format_args!("cannot read the revoked tokens: {e}")))?;
        }
        let authority = ring.authority()?;
        let now = RwLock::new(State { ring, authority, revocations });
        Ok(Self { now, store: Mutex::new(store), listener: OnceLock::new() })
    }

    /// From now on `listener` is told of every token that is revoked. Only the first listener counts.
    pub(crate) fn listen(&self, listener: impl Fn(TokenId) + Send + Sync + 'static) {
        // A second one would be a mistake of ours, and the first is as good.
        let _ = self.listener.set(Box::new(listener));
    }

    /// Makes a token.
    pub(crate) fn mint(&self, request: &TokenRequest<'_>, id: TokenId, now_ms: u64) -> Result<Token, MintError> {
        self.read().authority.mint(request, id, now_ms)
    }

    /// What a token of this account says, if it is good.
    pub(crate) fn query(
        &self,
        text: &str,
        account: &str,
        instance: Option<&str>,
        now_ms: u64,
    ) -> Result<TokenClaims, Denial> {
        let state = self.read();
        state.authority.query(text, now_ms, account, instance, &state.revocations)
    }

    /// Checks a token that a client gives as one of type `slot`: it has to be of this access key and for this instance.
    pub(crate) fn check(
        &self,
        text: &str,
        slot: Access,
        access_key: &str,
        instance: &str,
        now_ms: u64,
    ) -> Result<TokenRights, Denial> {
        let state = self.read();
        state.authority.check(text, slot, now_ms, access_key, instance, &state.revocations)
    }

    /// The access key that a genuine token was made with, whatever else is wrong with it.
    pub(crate) fn access_key(&self, text: &str) -> Result<String, Denial> {
        Ok(self.read().authority.parse(text)?.account().to_owned())
    }

    /// Makes a token worthless, now and after a restart, and tells who listens. Waits for the disk.
    pub(crate) fn revoke(&self, text: &str, account: &str, instance: Option<&str>, now_ms: u64) -> Result<(), Refused> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let (id, expires) = {
            let mut state = self.write();
            let State { authority, revocations, .. } = &mut *state;
            let id = authority.revoke(text, now_ms, account, instance, revocations).map_err(Refused::Token)?;
            let expires = authority.parse(text).map(|claims| claims.expires()).unwrap_or(u64::MAX);
            (id, expires)
        };
        // Nobody comes in with it any more, so those who are in may be closed whatever the disk does.
        if let Some(listener) = self.listener.get() {
            listener(id);
        }
        match store.as_ref().map(|store| store.revoke(id, expires, now_ms)) {
            Some(Err(error)) => {
                error!(%error, "a revocation could not be stored");
                Err(Refused::Store)
            }
            _ => Ok(()),
        }
    }

    /// Makes a new key and mints with it from now on; drops keys whose tokens have all expired. The new key's number. Waits for the disk.
    pub(crate) fn rotate(&self, now_ms: u64) -> Result<u32, Refused> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ring = self.read().ring.clone();
        let gone = ring.retire(now_ms);
        if ring.is_full() {
            return Err(Refused::KeysFull);
        }
        let failed = |error: String| {
            error!(error, "a key of tokens could not be made");
            Refused::Store
        };
        let key = ring.next(now_ms).map_err(|e| failed(e.to_string()))?;
        if let Some(store) = store.as_ref() {
            store.add_key(&key, &gone).map_err(|e| failed(e.to_string()))?;
        }
        let id = key.id;
        ring.add(key);
        let authority = ring.authority().map_err(|e| failed(e.to_string()))?;
        let mut state = self.write();
        state.ring = ring;
        state.authority = authority;
        Ok(id)
    }

    /// The keys, oldest first: number, and when each was made, in milliseconds since 1970. The last one mints.
    pub(crate) fn keys(&self) -> Vec<(u32, u64)> {
        self.read().ring.list().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.now.write().unwrap_or_else(PoisonError::into_inner)
    }
}
