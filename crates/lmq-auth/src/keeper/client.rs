use alloc::collections::VecDeque;
use alloc::string::String;

use lmq_id::Access;
use zeroize::Zeroizing;

use super::HeldToken;
use super::backoff::{PAUSE_MS_MAX, pause_ms};
use super::slot::Slot;
use crate::Token;

/// Keeps the tokens of one client, and says when to fetch, save, connect and upload.
///
/// The manual's duties of a client: upload the token with QoS 1 before anything else and wait for the PUBACK; listen to the two notices; apply
/// again when a token is invalid or about to be; save tokens, so that a restart or reconnect does not apply again; after a lost
/// connection look at the tokens first, and renew one near its end before connecting; upload again on each connection.
///
/// ```text
///   start           every token good                CONNACK 0              PUBACK for each (Upload), at once (Password)
///   ─────► Down ──────────────────────► Connecting ───────────► Uploading ───────────────────────────────────────► Ready
///           ▲  token missing or due: Fetch, Save   │                │                                                │
///           │  fetch fails: 1 s .. 60 s, then again│ refused        │ invalid notice, closed                         │
///           └──────────────────────────────────────┴────────────────┴────────────────────────────────────────────────┘
///
///   while Ready: expiry notice, or token due ──► Fetch ──► Save, Upload ──► PUBACK ──► Ready
///                invalid notice ──► Discard, Fetch; the gateway closes the connection
/// ```
///
/// Between two connections it waits 1 s, doubling up to 60 s until one lasted a minute. At most one token of each type and a few
/// outputs are held: 65 KB at worst.
#[derive(Clone, Debug)]
pub struct ClientTokens {
    wanted: [bool; Access::ALL.len()],
    slots: [Slot; Access::ALL.len()],
    carrier: Carrier,
    answer_ms_max: u64,
    link: Link,
    /// Connections in a row that did not last.
    failures: u32,
    /// The token whose PUBACK is awaited.
    uploading: Option<Access>,
    outputs: VecDeque<ClientOutput>,
}

/// How the tokens get to the gateway when a client connects. Those that are renewed later are uploaded in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// In the password of CONNECT, with the user name `Token|<access key>|<instance>` (2019 on).
    Password,
    /// With `$SYS/uploadToken` after a CONNECT without credentials (2018).
    Upload,
}

/// Who ended a connection, or an attempt at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClosedBy {
    /// The network, or the gateway without a reason that is known.
    Network,
    /// The gateway, by CONNACK 4 or 5: it does not like the tokens in the password.
    Refusal,
}

/// What the client has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientOutput {
    /// Ask the application server for a token of this type; hand it to [`handle_token`](ClientTokens::handle_token).
    Fetch(Access),
    /// Save the token of this type, which [`token`](ClientTokens::token) has, for [`restore`](ClientTokens::restore) after a restart.
    Save(Access),
    /// Delete the saved token of this type: it is worth nothing.
    Discard(Access),
    /// Connect, with [`password`](ClientTokens::password) where the carrier is [`Carrier::Password`].
    Connect,
    /// Publish the token of this type to `$SYS/uploadToken` with QoS 1; hand its PUBACK to [`handle_uploaded`](ClientTokens::handle_uploaded).
    Upload(Access),
    /// Every token was given: publish and subscribe, until [`is_ready`](ClientTokens::is_ready) says no.
    Ready,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down { connect_at: u64 },
    Connecting,
    Up { since: u64, announced: bool },
}

impl ClientTokens {
    /// After how many milliseconds without an answer the application server counts as silent, unless set otherwise.
    pub const ANSWER_MS_MAX: u64 = 10_000;

    /// A client that needs the tokens `wanted` and has none. Begin with [`restore`](Self::restore) and
    /// [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn new(wanted: &[Access], carrier: Carrier) -> Self {
        Self {
            wanted: Access::ALL.map(|access| wanted.contains(&access)),
            slots: Default::default(),
            carrier,
            answer_ms_max: Self::ANSWER_MS_MAX,
            link: Link::Down { connect_at: 0 },
            failures: 0,
            uploading: None,
            outputs: VecDeque::new(),
        }
    }

    /// After how many milliseconds without an answer the application server counts as silent.
    #[must_use]
    pub const fn with_answer_ms_max(mut self, answer_ms_max: u64) -> Self {
        self.answer_ms_max = answer_ms_max;
        self
    }

    /// A token that was saved before a restart. Ignored if it has expired or is not wanted.
    pub fn restore(&mut self, now: u64, access: Access, token: Token, expires: u64) {
        let held = HeldToken::new(now, token, expires);
        if self.wanted[access as usize] && held.is_good(now) {
            self.slots[access as usize].take(held);
        }
    }

    /// The application server gave a token that is good until `expires`. One that has expired counts as none.
    pub fn handle_token(&mut self, now: u64, access: Access, token: Token, expires: u64) {
        if self.wanted[access as usize] {
            if expires > now {
                self.slots[access as usize].take(HeldToken::new(now, token, expires));
                self.outputs.push_back(ClientOutput::Save(access));
            } else {
                self.slots[access as usize].fail(now);
            }
        }
        self.advance(now);
    }

    /// The application server refused a token, or could not be reached.
    pub fn handle_no_token(&mut self, now: u64, access: Access) {
        self.slots[access as usize].fail(now);
        self.advance(now);
    }

    /// The gateway accepted the connection.
    pub fn handle_connected(&mut self, now: u64) {
        self.link = Link::Up { since: now, announced: false };
        self.advance(now);
    }

    /// The PUBACK for an [`Upload`](ClientOutput::Upload) came.
    pub fn handle_uploaded(&mut self, now: u64, access: Access) {
        if self.uploading == Some(access) {
            self.uploading = None;
            self.advance(now);
        }
    }

    /// The connection, or the attempt, ended.
    pub fn handle_closed(&mut self, now: u64, by: ClosedBy) {
        if matches!(self.link, Link::Up { since, .. } if now.saturating_sub(since) >= PAUSE_MS_MAX) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.link = Link::Down { connect_at: now.saturating_add(pause_ms(self.failures)) };
        self.uploading = None;
        if by == ClosedBy::Refusal && self.carrier == Carrier::Password {
            Access::ALL.into_iter().for_each(|access| self.discard(access));
        }
        self.advance(now);
    }

    /// `$SYS/tokenExpireNotice` came: a token ends at `expires`, about five minutes ahead. One that comes while the token is being replaced is
    /// about the one before.
    pub fn handle_expire_notice(&mut self, now: u64, access: Access, expires: u64) {
        let slot = &mut self.slots[access as usize];
        if let Some(held) = slot.held.as_mut().filter(|_| slot.uploaded && self.uploading != Some(access)) {
            held.hasten(now, expires);
        }
        self.advance(now);
    }

    /// `$SYS/tokenInvalidNotice` came, with whatever code: the token is worth nothing, and the gateway closes the connection.
    pub fn handle_invalid_notice(&mut self, now: u64, access: Access) {
        self.discard(access);
        self.advance(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: u64) {
        self.advance(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout): `None` while only an answer is awaited.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let slots = self.wanted().map(|access| self.slots[access as usize].next());
        let link = match self.link {
            Link::Down { connect_at } => Some(connect_at),
            Link::Connecting | Link::Up { .. } => None,
        };
        // What was due already waits for something else than time.
        slots.chain(link).filter(|at| *at > 0).min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.outputs.pop_front()
    }

    /// Whether the client may publish and subscribe now: connected, and no upload is without its PUBACK.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.link, Link::Up { announced: true, .. }) && self.uploading.is_none() && self.all_given()
    }

    /// The token of a type.
    #[must_use]
    pub fn token(&self, access: Access) -> Option<&HeldToken> {
        self.slots[access as usize].held.as_ref()
    }

    /// The password of a CONNECT with all tokens: `R|..|W|..|RW|..`. Wiped when dropped.
    #[must_use]
    pub fn password(&self) -> Zeroizing<String> {
        let held = || self.wanted().filter_map(|access| Some((access, self.token(access)?.token.expose())));
        // Room for all at once: growing would leave copies behind.
        let len = held().map(|(access, token)| access.as_str().len() + token.len() + 2).sum();
        let mut password = Zeroizing::new(String::with_capacity(len));
        for (access, token) in held() {
            let bar = if password.is_empty() { "" } else { "|" };
            [bar, access.as_str(), "|", token].into_iter().for_each(|part| password.push_str(part));
        }
        password
    }

    fn wanted(&self) -> impl Iterator<Item = Access> + use<> {
        let wanted = self.wanted;
        Access::ALL.into_iter().filter(move |access| wanted[*access as usize])
    }

    fn discard(&mut self, access: Access) {
        if self.slots[access as usize].drop_token() {
            self.outputs.push_back(ClientOutput::Discard(access));
        }
    }

    /// Begins all that can be begun.
    fn advance(&mut self, now: u64) {
        for access in self.wanted() {
            if self.slots[access as usize].ask(now, self.answer_ms_max) {
                self.outputs.push_back(ClientOutput::Fetch(access));
            }
        }
        match self.link {
            Link::Down { connect_at } if now >= connect_at => self.connect(now),
            Link::Down { .. } | Link::Connecting => {}
            Link::Up { .. } => self.upload(now),
        }
    }

    fn connect(&mut self, now: u64) {
        if !self.wanted().all(|access| self.slots[access as usize].may_connect(now)) {
            self.link = Link::Down { connect_at: 0 }; // as soon as there are tokens
            return;
        }
        self.link = Link::Connecting;
        for slot in &mut self.slots {
            slot.uploaded = self.carrier == Carrier::Password && slot.held.is_some();
        }
        self.outputs.push_back(ClientOutput::Connect);
    }

    /// Uploads one token after the other, each after the PUBACK of the one before.
    fn upload(&mut self, now: u64) {
        if self.uploading.is_some() {
            return;
        }
        if let Some(access) = self.wanted().find(|access| self.slots[*access as usize].may_upload(now)) {
            self.slots[access as usize].uploaded = true;
            self.uploading = Some(access);
            self.outputs.push_back(ClientOutput::Upload(access));
            return;
        }
        let all_given = self.all_given();
        if let Link::Up { announced: announced @ false, .. } = &mut self.link {
            if all_given {
                *announced = true;
                self.outputs.push_back(ClientOutput::Ready);
            }
        }
    }

    fn all_given(&self) -> bool {
        self.wanted().all(|access| self.slots[access as usize].uploaded)
    }
}
