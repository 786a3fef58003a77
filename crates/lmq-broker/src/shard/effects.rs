//! What was asked of the world, and what happens with the answer.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use lmq_codec::PacketId;

use super::{
    Shard, deliver::Terms, fan::Fan, keep::LateChange, question, restore::Page, siblings::Load, targets::RemoteMember,
    ticket,
};
use crate::{
    ClientKey, CloseReason, DeliveryOptions, Done, DropReason, Evicted, Failed, InstanceIndex, Instant, Message, Now,
    Output, RouteMessage, RouteTicket, ShardId, SourceId, StoreOp, StoredMessage, Ticket,
    planted::{Bug, planted},
    replies::ReplyId,
    session::{InboundStage, Session},
    slab::Key,
};

/// So many deadlines of answered questions may wait to be forgotten.
const DEADLINES_KEPT: usize = 1024;

/// What an answer is for.
#[derive(Debug)]
pub(super) enum Question {
    /// The credentials of a connection.
    Verdict { conn: Key },
    /// A token that a connection uploaded.
    Token { conn: Key },
    /// The session of a connection is being loaded or dropped.
    Open { conn: Key, session: Key },
    /// One of the effects of an operation.
    Op(Key),
    /// The one that stores the message an operation forwards.
    Append(Key),
    /// A sibling does something that an operation may wait for.
    Route { op: Option<Key>, to: ShardId, load: Load },
    /// A sibling enters a filter of ours.
    Interest { to: ShardId, op: Option<Key>, instance: InstanceIndex, filter: Box<str>, epoch: u32 },
    /// Messages of a queue, up to this position.
    Fetch { session: Key, end: u64 },
    /// An outbound QoS 2 exchange is recorded; then its PUBLISH may leave.
    Send { session: Key, conn: Key, packet_id: PacketId, stored: Box<StoredMessage> },
    /// The PUBREC of an exchange is recorded; then PUBREL may leave.
    Release { session: Key, conn: Key, packet_id: PacketId },
    /// A session is being dropped.
    Drop { client: ClientKey },
    /// Nobody waits.
    Unattended,
    /// A page of what an earlier start left.
    Restore(Page),
    /// A change of what is kept for a topic of ours.
    Keep { version: u64 },
    /// A retained message is being stored for a session.
    Replay { session: Key, stored: Box<StoredMessage> },
}

/// Something that is finished when all its effects are.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) waiting: u32,
    pub(super) failed: bool,
    pub(super) waiter: Waiter,
    /// What to send once the message is stored.
    pub(super) forward: Option<Box<Forward>>,
    /// The packet id of the inbound QoS 2 message is to be recorded behind everything else.
    pub(super) record: bool,
}

/// Who is told when an operation ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Waiter {
    Nobody,
    Reply {
        conn: Key,
        reply: ReplyId,
    },
    /// The same, for an inbound QoS 2 message.
    Received {
        conn: Key,
        reply: ReplyId,
        session: Key,
        packet_id: PacketId,
    },
    Sibling {
        to: ShardId,
        ticket: RouteTicket,
    },
    /// Another operation, which counts this one in.
    Part(Key),
    /// A message of the MQ side.
    Source {
        source: SourceId,
        position: u64,
    },
    /// A message with RETAIN that is being kept; the operation of its PUBLISH, if that has one.
    Retained {
        number: u64,
        publish: Option<Key>,
    },
    /// What an earlier start left, which goes on with the next page.
    Restored,
}

/// A session that gets a forwarded message.
#[derive(Clone, Debug)]
pub(super) struct Addressee {
    pub(super) session: Key,
    pub(super) options: DeliveryOptions,
    /// The position in its queue in the store; `None` if it is served from memory.
    pub(super) seq: Option<u64>,
    /// The shared subscription that chose it.
    pub(super) share: Option<Arc<str>>,
    /// Its client was away without a valid token: nothing is stored for it, nor does it get the message if it is back meanwhile.
    pub(super) barred: bool,
}

/// A message that is forwarded only after its effects are done.
#[derive(Debug)]
pub(super) struct Forward {
    /// Counts what the store was given.
    pub(super) ordinal: u64,
    /// What the store answers to.
    pub(super) ticket: Ticket,
    pub(super) message: Arc<Message>,
    pub(super) receivers: Vec<Addressee>,
    /// Siblings with subscribers, one bit each.
    pub(super) shards: u64,
    /// Members of shared subscriptions in other shards.
    pub(super) remote: Vec<RemoteMember>,
    /// What it retains, if the store was too slow for that.
    pub(super) late: Option<LateChange>,
}

impl Op {
    /// An operation whose effects are counted in as they are asked for.
    pub(super) const fn waited_by(waiter: Waiter) -> Self {
        Self { waiting: 0, failed: false, waiter, forward: None, record: false }
    }
}

impl Shard {
    /// The answer to a [`Output::Store`], [`Output::Uplink`] or [`Output::Status`]. An unknown ticket is ignored: it may have
    /// been given up.
    pub fn handle_done(&mut self, now: Now, ticket: Ticket, result: Result<Done, Failed>) {
        self.advance_clock(now);
        match self.questions.remove(question(ticket)) {
            Some(asked) => self.answer(ticket, asked, result),
            None if result.is_err() => self.drop_doubt(ticket),
            None => {}
        }
    }

    /// The store gave messages of a queue up to stay within its quota.
    pub fn handle_evicted(&mut self, now: Now, evicted: &Evicted) {
        self.advance_clock(now);
        let count = u32::try_from(evicted.seqs.len()).unwrap_or(u32::MAX);
        self.stats.dropped_evicted += u64::from(count);
        if let Some(key) = self.find(&evicted.client) {
            self.note_dropped(key, DropReason::Evicted, count);
        }
    }

    pub(super) fn ask(&mut self, asked: Question) -> Ticket {
        while self.deadlines.front().is_some_and(|(_, key)| self.questions.get(*key).is_none()) {
            self.deadlines.pop_front();
        }
        // One question that stays open must not keep the answered ones behind it.
        if self.deadlines.len() > 2 * self.questions.len() + DEADLINES_KEPT {
            self.deadlines.retain(|(_, key)| self.questions.get(*key).is_some());
        }
        self.count_in(&asked);
        let key = self.questions.insert(asked);
        self.deadlines.push_back((self.now.monotonic.saturating_add(self.settings.limits.effect_timeout), key));
        ticket(key)
    }

    pub(super) fn ask_store(&mut self, op: StoreOp, asked: Question) -> Ticket {
        let ticket = self.ask(asked);
        self.outputs.push_back(Output::Store { ticket, op });
        ticket
    }

    /// An operation ends when all the questions that were counted in are answered.
    fn count_in(&mut self, asked: &Question) {
        let op = match asked {
            Question::Op(op) | Question::Append(op) => Some(*op),
            Question::Interest { op, .. } | Question::Route { op, .. } => *op,
            _ => None,
        };
        if let Some(op) = op.and_then(|op| self.ops.get_mut(op)) {
            op.waiting += 1;
        }
    }

    /// Gives up on what was not answered in time.
    pub(super) fn expire_questions(&mut self) {
        if core::mem::take(&mut self.restoring.unclocked) {
            self.tell_time();
        }
        while let Some((at, key)) = self.deadlines.front().copied() {
            let open = self.questions.get(key).is_some();
            if open && (at > self.now.monotonic || planted(Bug::TimeoutIgnored)) {
                return;
            }
            self.deadlines.pop_front();
            if let Some(asked) = self.questions.remove(key) {
                self.answer(ticket(key), asked, Err(Failed::TimedOut));
            }
        }
    }

    /// What was asked for when the shard was made was asked for without knowing the time.
    fn tell_time(&mut self) {
        let timeout = self.settings.limits.effect_timeout;
        let (made, at) = (Instant::default().saturating_add(timeout), self.now.monotonic.saturating_add(timeout));
        while self.deadlines.front().is_some_and(|(deadline, _)| *deadline == made && made < at) {
            let asked = self.deadlines.pop_front().map(|(_, key)| (at, key));
            self.deadlines.extend(asked);
        }
    }

    pub(super) fn next_question_deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(at, _)| *at)
    }

    fn answer(&mut self, ticket: Ticket, asked: Question, result: Result<Done, Failed>) {
        if result.is_err() {
            self.stats.effects_failed += 1;
        }
        match asked {
            Question::Verdict { conn } => self.judged(conn, crate::Verdict::Deny(crate::Refusal::Unavailable)),
            Question::Token { conn } => self.judged_upload(conn, crate::Verdict::Deny(crate::Refusal::Unavailable)),
            Question::Open { conn, session } => self.opened(conn, session, result),
            Question::Op(op) => self.settle(op, result.is_ok()),
            Question::Append(op) => {
                self.stored(op, result.as_ref().map(|_| ()).map_err(|failed| *failed));
                self.settle(op, result.is_ok());
            }
            Question::Route { op, to, load } => {
                self.credit(to, load);
                if let Some(op) = op {
                    self.settle(op, result.is_ok());
                }
            }
            Question::Interest { to, op, instance, filter, epoch } => {
                self.credit(to, Load { messages: 1, bytes: filter.len() as u64 });
                if result.is_ok() {
                    self.confirm(instance, &filter, epoch);
                }
                if let Some(op) = op {
                    self.settle(op, result.is_ok());
                }
            }
            Question::Fetch { session, end } => self.fetched(ticket, session, end, result),
            Question::Send { session, conn, packet_id, stored } => {
                self.send_saved(session, conn, packet_id, &stored, result.is_ok());
            }
            Question::Release { session, conn, packet_id } => {
                self.release_saved(session, conn, packet_id, result.is_ok())
            }
            Question::Drop { client } => self.dropped(client, result.is_ok()),
            Question::Unattended => {}
            Question::Restore(page) => self.restored(page, result),
            Question::Keep { version } => self.change_stored(version, result.map(|_| ())),
            Question::Replay { session, stored } => self.replay_stored(session, *stored, result.is_ok()),
        }
    }

    /// One effect of an operation ended.
    pub(super) fn settle(&mut self, mut key: Key, mut ok: bool) {
        while let Some(op) = self.settle_part(key, ok) {
            ok = !op.failed;
            let whole = match op.waiter {
                Waiter::Part(whole) => Some(whole),
                Waiter::Retained { number, publish } => {
                    self.retained_ended(number);
                    publish
                }
                waiter => return self.tell(key, waiter, ok),
            };
            let Some(whole) = whole else { return };
            key = whole;
        }
    }

    /// Ends an operation that has nothing to wait for, and says whether it was one.
    pub(super) fn ended_at_once(&mut self, key: Key) -> bool {
        let idle = self.ops.get(key).is_some_and(|op| op.waiting == 0);
        if idle {
            self.ops.remove(key);
        }
        idle
    }

    /// The same as [`settle`](Self::settle); returns the operation if that was its last effect, and leaves the rest to the caller.
    pub(super) fn settle_part(&mut self, key: Key, ok: bool) -> Option<Op> {
        let op = self.ops.get_mut(key)?;
        op.waiting -= 1;
        op.failed |= !ok;
        if op.waiting > 0 {
            return None;
        }
        let records = core::mem::take(&mut op.record) && !op.failed;
        if let Some(record) = self.record_of(key).filter(|_| records) {
            self.ask_store(record, Question::Op(key));
            return None;
        }
        self.ops.remove(key)
    }

    /// Records the inbound QoS 2 message that an operation is about, if its session still waits for it.
    fn record_of(&self, key: Key) -> Option<StoreOp> {
        let Waiter::Received { session, packet_id, .. } = self.ops.get(key)?.waiter else { return None };
        let session = self.sessions.get(session)?;
        let waits = session.inbound.stage(packet_id) == Some(InboundStage::Pending(key));
        waits.then(|| StoreOp::RecordInbound { client: session.client.clone(), packet_id })
    }

    /// The store has a message, or has not. It leaves now, whatever siblings say of it, so that queues keep the order of the store.
    fn stored(&mut self, key: Key, result: Result<(), Failed>) {
        let Some(forward) = self.ops.get_mut(key).and_then(|op| op.forward.take()) else {
            return;
        };
        match result {
            Ok(()) => self.forward(key, *forward),
            Err(failed) => {
                self.note_unstored(&forward);
                if failed == Failed::TimedOut {
                    self.keep_in_doubt(key, *forward);
                }
            }
        }
    }

    fn forward(&mut self, op: Key, forward: Forward) {
        self.confirm_older(forward.ordinal);
        let Forward { message, receivers, shards, remote, .. } = forward;
        let shared_bytes_min = self.settings.limits.shared_payload_bytes_min;
        let from_memory = receivers.iter().any(|receiver| receiver.seq.is_none());
        let mut fan = if from_memory { Fan::of_message(&message, shared_bytes_min) } else { None };
        for Addressee { session, options, seq, share, barred } in receivers {
            if let Some(share) = share.as_ref().filter(|_| barred || !self.takes_forwarded(session, seq)) {
                self.pass_on(share, &message, Some(op));
                continue;
            }
            if barred {
                self.give_up_message(session, DropReason::Away);
                continue;
            }
            match (seq, &mut fan) {
                (Some(seq), _) => {
                    self.deliver_stored(session, StoredMessage { seq, options, message: message.clone() })
                }
                (None, Some(fan)) => {
                    let terms = Terms { share: share.as_ref(), ..options.terms() };
                    self.deliver(session, terms, fan, &message);
                }
                (None, None) => {}
            }
            if share.is_some() {
                self.tell_member_state(session);
            }
        }
        self.route_to(shards, &message, Some(op));
        self.send_to_members(remote, &message, Some(op));
    }

    pub(super) fn tell(&mut self, op: Key, waiter: Waiter, ok: bool) {
        match waiter {
            // What goes on with another operation is told by `settle`.
            Waiter::Nobody | Waiter::Part(_) | Waiter::Retained { .. } => {}
            Waiter::Restored => self.page_known(ok),
            Waiter::Sibling { to, ticket } => {
                let ok = ok || planted(Bug::SiblingFailureHidden);
                self.outputs.push_back(Output::Route { to, message: RouteMessage::Done { ticket, ok } });
            }
            Waiter::Source { source, position } if ok || planted(Bug::RejectedAsConsumed) => {
                self.consumed(source, position);
            }
            Waiter::Source { source, position } => self.outputs.push_back(Output::Rejected { source, position }),
            Waiter::Reply { conn, reply } => self.reply_ready(conn, reply, ok),
            Waiter::Received { conn, reply, session, packet_id } => {
                let ours = |session: &&mut Session| session.inbound.stage(packet_id) == Some(InboundStage::Pending(op));
                if let Some(session) = self.sessions.get_mut(session).filter(ours) {
                    if ok {
                        session.inbound.set(packet_id, InboundStage::Received);
                    } else {
                        session.inbound.remove(packet_id);
                        session.inbound_unknown = true;
                    }
                }
                self.reply_ready(conn, reply, ok);
            }
        }
    }

    fn note_unstored(&mut self, forward: &Forward) {
        for receiver in forward.receivers.iter().filter(|receiver| receiver.seq.is_some()) {
            self.stats.dropped_store_failed += 1;
            self.note_dropped(receiver.session, DropReason::StoreFailed, 1);
            let queue = self.sessions.get_mut(receiver.session).and_then(|session| session.stored.as_mut());
            if let (Some(queue), Some(seq)) = (queue, receiver.seq) {
                // An operation that was not answered in time may still be carried out.
                queue.doubt(seq);
                self.fetch(receiver.session);
            }
        }
    }

    /// An answer may leave; a failed effect closes the publisher, who will send the message again [MQTT-4.4.0-1].
    fn reply_ready(&mut self, conn: Key, reply: ReplyId, ok: bool) {
        let Some(state) = self.conns.get_mut(conn) else {
            return;
        };
        if !ok {
            self.close(conn, CloseReason::EffectFailed);
            return;
        }
        state.replies.ready(reply);
        self.flush_replies(conn);
    }
}
