//! What clients say of their rights, what was decided of that, and what was said behind it.

use lmq_id::Access;

use super::{Ledger, entry::Entry};
use crate::{
    link::LinkId,
    violation::{Checker, Violation},
};

/// A token that a client uploads, or a word of an operator that it may do nothing more.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) link: LinkId,
    pub(crate) said: Option<(Access, String)>,
    /// The authenticator was asked.
    asked: bool,
    /// It said yes: what was said behind it may go out.
    allowed: bool,
}

impl Ledger {
    /// A client uploads a token; what it says from now on, on this connection, waits for the verdict.
    pub(crate) fn upload(&mut self, client: usize, link: LinkId, access: Access, text: String) {
        self.follow(client, Upload { link, said: Some((access, text)), asked: false, allowed: false });
    }

    /// An operator has taken the rights of a client on this connection away.
    pub(crate) fn forbid(&mut self, client: usize, link: LinkId) -> usize {
        self.follow(client, Upload { link, said: None, asked: true, allowed: false });
        self.uploads.len() - 1
    }

    /// Whether every upload of a connection was accepted.
    pub(crate) fn is_decided(&self, link: LinkId) -> bool {
        self.uploads.iter().all(|upload| upload.link != link || upload.allowed)
    }

    fn follow(&mut self, client: usize, upload: Upload) {
        self.uploads.push(upload);
        self.receivers[client].upload = Some(self.uploads.len() - 1);
    }

    /// The authenticator is asked about the next upload of a connection. Returns its number.
    pub(crate) fn ask(&mut self, link: LinkId, access: Access, text: &str) -> Result<usize, Violation> {
        let next = self.uploads.iter().position(|upload| upload.link == link && !upload.asked);
        let is_it = |upload: &Upload| upload.said.as_ref().is_some_and(|said| *said == (access, text.to_owned()));
        match next.filter(|at| is_it(&self.uploads[*at])) {
            Some(at) => {
                self.uploads[at].asked = true;
                Ok(at)
            }
            None => {
                let said = next.map(|at| &self.uploads[at]);
                Err(Violation::new(Checker::Token, format!("asked about {access} {text}, the client said {said:?}")))
            }
        }
    }

    /// An upload was accepted.
    pub(crate) fn allow(&mut self, upload: usize) {
        self.uploads[upload].allowed = true;
    }

    /// What was said behind a token goes nowhere before that is accepted.
    pub(super) fn check_rights(&self, entry: &Entry) -> Result<(), Violation> {
        let may_go = |behind: &Option<usize>| behind.is_none_or(|at| self.uploads[at].allowed);
        if entry.behind.iter().any(may_go) {
            return Ok(());
        }
        let uploads: Vec<_> = entry.behind.iter().flatten().map(|at| &self.uploads[*at]).collect();
        Err(Violation::new(Checker::Token, format!("{entry:?} came, which followed {uploads:?}")))
    }

    /// The rights of a client have ended: nothing more is stored for it.
    pub(crate) fn bar(&mut self, client: usize) {
        let now = self.now;
        if !self.is_barred(client) {
            self.receivers[client].bars.push((now, None));
        }
        self.will_barred(client);
    }

    /// It is back with others.
    pub(crate) fn unbar(&mut self, client: usize) {
        let now = self.now;
        self.receivers[client].bars.iter_mut().for_each(|(_, to)| _ = to.get_or_insert(now));
    }

    pub(crate) fn is_barred(&self, client: usize) -> bool {
        self.receivers[client].bars.last().is_some_and(|(_, to)| to.is_none())
    }

    /// Whether its rights had ended at some moment while a message was under way.
    pub(super) fn was_barred(&self, client: usize, entry: &Entry) -> bool {
        let (from, to) = (entry.sent_at, entry.acked_at.unwrap_or(self.now));
        self.receivers[client].bars.iter().any(|(began, ended)| *began <= to && ended.unwrap_or(u64::MAX) >= from)
    }
}
