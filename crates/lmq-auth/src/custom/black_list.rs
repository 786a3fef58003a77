use alloc::collections::BTreeSet;
use core::fmt;

use lmq_id::{ClientId, ClientIdRef};

/// The clients of an instance that may not connect, whatever they bring.
///
/// Checked by client id before the credentials are. At worst 400 bytes on the heap for each client of the limit (64 characters of 4 bytes,
/// and the tree): 4 MB for 10,000.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlackList {
    len_max: usize,
    clients: BTreeSet<ClientId>,
}

impl BlackList {
    /// An empty list of `len_max` clients at most.
    #[must_use]
    pub const fn new(len_max: usize) -> Self {
        Self { len_max, clients: BTreeSet::new() }
    }

    /// Bans a client. Says whether it was not banned before.
    ///
    /// # Errors
    /// When the list is full: nobody is let in again for it.
    pub fn insert(&mut self, client: ClientId) -> Result<bool, BlackListFull> {
        if self.clients.len() >= self.len_max && !self.clients.contains(&client) {
            return Err(BlackListFull { len_max: self.len_max });
        }
        Ok(self.clients.insert(client))
    }

    /// Lets a client in again. Says whether it was banned.
    pub fn remove<'c>(&mut self, client: impl Into<ClientIdRef<'c>>) -> bool {
        self.clients.remove(client.into().as_str())
    }

    /// Whether a client is banned.
    #[must_use]
    pub fn contains<'c>(&self, client: impl Into<ClientIdRef<'c>>) -> bool {
        self.clients.contains(client.into().as_str())
    }

    /// The banned clients in alphabetical order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ClientId> {
        self.clients.iter()
    }
}

/// The black list has as many clients as it may. The operator's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlackListFull {
    len_max: usize,
}

impl fmt::Display for BlackListFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "black list is full; at most {} clients", self.len_max)
    }
}

impl core::error::Error for BlackListFull {}
