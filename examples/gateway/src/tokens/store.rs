use std::sync::Arc;

use lmq_auth::TokenId;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use zeroize::Zeroizing;

use super::ring::{SECRET_LEN, StoredKey};

/// By number: when it was made, in milliseconds since 1970, and the secret.
const KEYS: TableDefinition<'_, u32, (u64, &[u8; SECRET_LEN])> = TableDefinition::new("token-keys");
/// By expiry, in milliseconds since 1970, and id.
const REVOKED: TableDefinition<'_, (u64, &[u8; TokenId::LEN]), ()> = TableDefinition::new("revoked-tokens");

/// Tables of the registry's file. Everything is on the disk when it returns.
pub(crate) struct TokenStore(Arc<Database>);

impl TokenStore {
    pub(crate) const fn new(database: Arc<Database>) -> Self {
        Self(database)
    }

    pub(super) fn keys(&self) -> Result<Vec<StoredKey>, redb::Error> {
        self.prepare()?;
        let table = self.0.begin_read()?.open_table(KEYS)?;
        let mut keys = Vec::new();
        for row in table.iter()? {
            let (id, value) = row?;
            let (created_ms, secret) = value.value();
            keys.push(StoredKey { id: id.value(), created_ms, secret: Zeroizing::new(*secret) });
        }
        Ok(keys)
    }

    /// Stores a key and forgets those with the numbers `gone`.
    pub(super) fn add_key(&self, key: &StoredKey, gone: &[u32]) -> Result<(), redb::Error> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(KEYS)?;
            for id in gone {
                table.remove(id)?;
            }
            table.insert(key.id, (key.created_ms, &*key.secret))?;
        }
        transaction.commit()?;
        Ok(())
    }

    pub(super) fn revoked(&self) -> Result<Vec<(TokenId, u64)>, redb::Error> {
        self.prepare()?;
        let table = self.0.begin_read()?.open_table(REVOKED)?;
        let mut revoked = Vec::new();
        for row in table.iter()? {
            let (key, _) = row?;
            let (expires, id) = key.value();
            revoked.push((TokenId::new(*id), expires));
        }
        Ok(revoked)
    }

    /// Stores a revocation and forgets those of tokens that have expired.
    pub(super) fn revoke(&self, id: TokenId, expires: u64, now_ms: u64) -> Result<(), redb::Error> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(REVOKED)?;
            table.retain_in(..(now_ms, &[0; TokenId::LEN]), |_, ()| false)?;
            table.insert((expires, &id.to_bytes()), ())?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn prepare(&self) -> Result<(), redb::Error> {
        let transaction = self.0.begin_write()?;
        transaction.open_table(KEYS)?;
        transaction.open_table(REVOKED)?;
        transaction.commit()?;
        Ok(())
    }
}
