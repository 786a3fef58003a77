use std::{
    sync::{Arc, Mutex, PoisonError},
    time,
};

use lmq_auth::{
    SecretKey,
    request::{NonceLimits, NonceWindow},
};
use tokio::task::spawn_blocking;
use tracing::error;

use super::{
    caller::{Caller, candidates},
    rate::{Rate, Rates},
};
use crate::{
    clock::now_ms,
    registry::{Fault, Instance, Registry, Snapshot},
    tokens::Tokens,
};

/// Requests dated earlier than so long before the start are refused: they may have been served before it, and nobody remembers.
const CLOCK_SLACK_MS: u64 = 5_000;

/// What all handlers share.
pub(crate) struct Services {
    registry: Arc<Registry>,
    tokens: Arc<Tokens>,
    nonces: Mutex<NonceWindow>,
    rates: Mutex<Rates>,
    started: time::Instant,
    /// Topics must lie in a parent topic of the instance.
    parent_topics: bool,
    /// Signed with when the access key is unknown.
    decoy: SecretKey,
}

impl Services {
    pub(crate) fn new(registry: Arc<Registry>, tokens: Arc<Tokens>, parent_topics: bool) -> Self {
        let decoy = "decoy".parse().expect("the constant is a secret key");
        let mut nonces = NonceWindow::new(NonceLimits::default());
        nonces.refuse_until(now_ms().saturating_sub(CLOCK_SLACK_MS));
        Self {
            registry,
            tokens,
            nonces: Mutex::new(nonces),
            rates: Mutex::default(),
            started: time::Instant::now(),
            parent_topics,
            decoy,
        }
    }

    /// All instances as they are now.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.registry.snapshot()
    }

    /// Tries `verify` with every secret that `access_key` may stand for. The error is the last one; `None` if there is no such key.
    pub(super) fn caller<R, E>(
        &self,
        access_key: &str,
        mut verify: impl FnMut(&SecretKey) -> Result<R, E>,
    ) -> Result<(Caller, R), Option<E>> {
        let mut refused = None;
        for candidate in candidates(&self.snapshot(), access_key) {
            match verify(candidate.secret()) {
                Ok(verified) => return Ok((candidate, verified)),
                Err(error) => refused = Some(error),
            }
        }
        Err(refused)
    }

    /// Whether the account may make another call of a kind now.
    pub(super) fn allows(&self, account: &str, rate: Rate) -> bool {
        let now_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.rates.lock().unwrap_or_else(PoisonError::into_inner).allows(account, rate, now_us)
    }

    /// What remembers requests, locked.
    pub(super) fn nonces(&self) -> std::sync::MutexGuard<'_, NonceWindow> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that every resource lies in a parent topic of the instance, where there are such: a token for another could never be used.
    pub(super) fn check_topics(&self, instance: &Instance, resources: &[&str]) -> Result<(), &'static str> {
        let known = |resource: &&str| instance.topics.contains(resource.split('/').next().unwrap_or_default());
        if !self.parent_topics || resources.iter().all(known) {
            return Ok(());
        }
        Err("resources: each must begin with a parent topic of the instance")
    }

    /// A secret that nobody has.
    pub(super) const fn decoy(&self) -> &SecretKey {
        &self.decoy
    }

    pub(super) fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    /// Carries out a change on a thread that may wait for the disk.
    pub(super) async fn change<R: Send + 'static>(
        &self,
        change: impl FnOnce(&Registry) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, Fault> {
        let registry = self.registry.clone();
        match spawn_blocking(move || change(&registry)).await {
            Ok(Err(Fault::Store(text))) => {
                error!(%text, "a change could not be stored");
                Err(Fault::Store(text))
            }
            Ok(changed) => changed,
            Err(failed) => {
                error!(%failed, "a change failed");
                Err(Fault::Store("the change failed".to_owned()))
            }
        }
    }
}
