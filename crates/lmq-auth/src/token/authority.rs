use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lmq_id::Access;
use zeroize::Zeroizing;

use super::error::{MintError, MintKind, RevokeError};
use super::key::{Kind, TAG_LEN};
use super::{Revocations, Token, TokenClaims, TokenId, TokenKey, TokenKeyError, TokenRequest, TokenTerm, wire};
use crate::{Denial, Permissions};

/// Makes, reads, checks and revokes tokens.
///
/// A token carries all it says, authenticated with a key of the authority: gateways that share the keys need no common store to check
/// one, only to learn of revocations ([`Revocations`]).
///
/// ```
/// use lmq_auth::{Denial, Revocations, TokenAuthority, TokenId, TokenKey, TokenRequest};
/// use lmq_id::Access;
///
/// let now = 1_542_700_000_000; // the wall clock
/// let authority = TokenAuthority::new(TokenKey::new(1, &[7; 32])?); // 32 random bytes
/// let mut revocations = Revocations::new(10_000);
/// let request = TokenRequest {
///     account: "LTAI4DummyAccessKeyId",
///     instance: "mqtt-cn-test0001",
///     actions: Access::ReadWrite,
///     resources: &["room/#", "roomSend/#"],
///     expires: now + 3_600_000,
/// };
/// let token = authority.mint(&request, TokenId::new([9; 16]), now)?; // 16 random bytes
/// let check = |now, revocations: &_| {
///     authority.check(token.expose(), Access::ReadWrite, now, request.account, request.instance, revocations)
/// };
/// assert!(check(now, &revocations)?.permissions.allows_subscribe("room/message/+"));
/// authority.revoke(token.expose(), now, request.account, None, &mut revocations)?;
/// assert_eq!(check(now, &revocations).unwrap_err(), Denial::Revoked);
/// assert_eq!(check(now + 3_600_000, &revocations).unwrap_err(), Denial::Expired);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Keys are changed without a break: every authority first learns the new key ([`accept`](Self::accept)), then
/// [`rotate`](Self::rotate)s to it; the old one is [`retire`](Self::retire)d when its last token has expired, 30 days later at the latest, or at
/// once if it leaked.
///
/// **Attacker's view.** The text is the peer's. Its length is looked at first, then whether it is Base64url in its only spelling, then
/// which key it names, then the tag, compared in constant time; nothing else is read before that. A guess is right once in 2^128. A key
/// number is public. Which of the steps failed is not told: all are [`Denial::Forged`]. The tag says who made a token, not who holds it: a
/// stolen one works until it expires or is revoked. `Debug` shows key numbers only.
#[derive(Clone, Debug)]
pub struct TokenAuthority {
    /// The first one mints; all check. 1 to [`KEYS_MAX`](Self::KEYS_MAX), each number once.
    keys: Vec<TokenKey>,
}

/// What a token that passed [`TokenAuthority::check`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRights {
    /// What has to be remembered about the token itself.
    pub term: TokenTerm,
    /// What its holder may do; goes into [`Permissions::set_token`].
    pub permissions: Permissions,
}

impl TokenAuthority {
    /// The most keys at a time: enough for one a week, each kept for the 30 days a token may live.
    pub const KEYS_MAX: usize = 8;

    /// An authority with one key.
    #[must_use]
    pub fn new(key: TokenKey) -> Self {
        Self { keys: Vec::from([key]) }
    }

    /// Adds a key that is only checked with: one of before, or one that others mint with already.
    ///
    /// # Errors
    /// When there are [`KEYS_MAX`](Self::KEYS_MAX) keys, or one with this number.
    pub fn accept(&mut self, key: TokenKey) -> Result<(), TokenKeyError> {
        if self.keys.iter().any(|known| known.id() == key.id()) {
            return Err(TokenKeyError(Kind::Twice { id: key.id() }));
        }
        if self.keys.len() == Self::KEYS_MAX {
            return Err(TokenKeyError(Kind::TooMany));
        }
        self.keys.push(key);
        Ok(())
    }

    /// Mints with the accepted key `id` from now on; the key used until now stays accepted. Says whether there is such a key.
    pub fn rotate(&mut self, id: u32) -> bool {
        let found = self.keys.iter().position(|key| key.id() == id);
        if let Some(at) = found {
            self.keys.swap(0, at);
        }
        found.is_some()
    }

    /// Drops key `id`: all its tokens are forgeries from now on. Says whether it did; the key that mints stays.
    pub fn retire(&mut self, id: u32) -> bool {
        let found = self.keys.iter().skip(1).position(|key| key.id() == id);
        if let Some(at) = found {
            self.keys.remove(at + 1);
        }
        found.is_some()
    }

    /// Makes a token.
    ///
    /// `id` is 16 bytes from a good random source, fresh for every token; `now` the wall clock in milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// When the request is not one the product grants, or the token would be longer than [`Token::LEN_MAX`].
    pub fn mint(&self, request: &TokenRequest<'_>, id: TokenId, now: u64) -> Result<Token, MintError> {
        let claims = TokenClaims::new(request, id, now)?;
        let key = &self.keys[0];
        let mut bytes = wire::write(&claims, key.id());
        let tag = key.tag(&bytes);
        bytes.extend_from_slice(&*tag);
        let len = (bytes.len() * 4).div_ceil(3);
        if len > Token::LEN_MAX {
            return Err(MintError(MintKind::TooLarge { len }));
        }
        Ok(Token::new(URL_SAFE_NO_PAD.encode(&*bytes)))
    }

    /// Reads a genuine token, expired, revoked or not.
    ///
    /// # Errors
    /// [`Denial::Forged`] for every text that no accepted key made.
    pub fn parse(&self, text: &str) -> Result<TokenClaims, Denial> {
        self.open(text).ok_or(Denial::Forged)
    }

    /// Checks the token that a client gives as one of type `slot`, with its CONNECT or later.
    ///
    /// `account` and `instance` are what the client's user name and connection say; both must be those the token was made for.
    /// Whether the account itself may still act ([`Denial::Account`]) is for the caller to know.
    ///
    /// # Errors
    /// In this order: [`Denial::Forged`], [`Denial::Signature`] (of another account or instance), [`Denial::Expired`],
    /// [`Denial::Revoked`], [`Denial::Action`] (made for another type than `slot`).
    pub fn check(
        &self,
        text: &str,
        slot: Access,
        now: u64,
        account: &str,
        instance: &str,
        revocations: &Revocations,
    ) -> Result<TokenRights, Denial> {
        let claims = self.parse(text)?;
        if *claims.account != *account || *claims.instance != *instance {
            return Err(Denial::Signature);
        }
        let term = TokenTerm { id: claims.id, access: slot, expires: claims.expires };
        valid(term, now, revocations)?;
        if claims.actions != slot {
            return Err(Denial::Action);
        }
        let permissions = claims.permissions().map_err(|_| Denial::Forged)?;
        Ok(TokenRights { term, permissions })
    }

    /// Answers `/token/query` and `QueryToken`: whether a token of `account` (and of `instance`, where the request names one) is valid, and
    /// what it says.
    ///
    /// # Errors
    /// [`Denial::Forged`] (also for tokens of others), [`Denial::Expired`], [`Denial::Revoked`].
    pub fn query(
        &self,
        text: &str,
        now: u64,
        account: &str,
        instance: Option<&str>,
        revocations: &Revocations,
    ) -> Result<TokenClaims, Denial> {
        let claims = self.parse_own(text, account, instance)?;
        valid(TokenTerm { id: claims.id, access: claims.actions, expires: claims.expires }, now, revocations)?;
        Ok(claims)
    }

    /// Answers `/token/revoke` and `RevokeToken`: enters a token of `account` (and of `instance`, where the request names one) into
    /// `revocations`. Revoking it again is no error.
    ///
    /// The id returned is what the gateways have to be told, to close live connections that hold it.
    ///
    /// # Errors
    /// When the token is not the account's or has expired, or `revocations` is full.
    pub fn revoke(
        &self,
        text: &str,
        now: u64,
        account: &str,
        instance: Option<&str>,
        revocations: &mut Revocations,
    ) -> Result<TokenId, RevokeError> {
        let claims = self.parse_own(text, account, instance).map_err(RevokeError::Token)?;
        if now >= claims.expires {
            return Err(RevokeError::Token(Denial::Expired));
        }
        revocations.revoke(claims.id, claims.expires, now).map_err(RevokeError::Full)?;
        Ok(claims.id)
    }

    fn parse_own(&self, text: &str, account: &str, instance: Option<&str>) -> Result<TokenClaims, Denial> {
        let claims = self.parse(text)?;
        let own = *claims.account == *account && instance.is_none_or(|instance| *claims.instance == *instance);
        if own { Ok(claims) } else { Err(Denial::Forged) }
    }

    fn open(&self, text: &str) -> Option<TokenClaims> {
        if text.len() > Token::LEN_MAX {
            return None;
        }
        // This engine refuses padding and stray bits at the end: one spelling for each token.
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_LEN)?)?;
        let id = wire::key(body)?;
        let key = self.keys.iter().find(|key| key.id() == id)?;
        key.verify(body, tag).then(|| wire::read(body))?
    }
}

fn valid(term: TokenTerm, now: u64, revocations: &Revocations) -> Result<(), Denial> {
    if term.is_expired(now) {
        Err(Denial::Expired)
    } else if revocations.contains(term.id) {
        Err(Denial::Revoked)
    } else {
        Ok(())
    }
}
