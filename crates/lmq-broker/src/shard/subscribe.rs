//! SUBSCRIBE and UNSUBSCRIBE.

use alloc::{boxed::Box, vec::Vec};

use lmq_codec::{
    Packet, PacketId, Properties, QoS, ReasonCode, ReasonCodes, SubAck, Subscribe, TopicFilter, UnsubAck, Unsubscribe,
    Version,
};

use super::{
    Shard,
    effects::{Op, Question, Waiter},
    publish::too_long,
};
use crate::{CloseReason, Denied, StoreOp, replies::Answer, slab::Key};

/// What SUBACK says of a refused filter: 0x80.
const REFUSED: ReasonCode = ReasonCode::UnspecifiedError;

impl Shard {
    /// Filters are taken in their order [MQTT-3.8.4-4]; each gets a code of its own [MQTT-3.8.4-5].
    pub(super) fn on_subscribe(&mut self, conn: Key, subscribe: Subscribe<'_>) -> Result<(), CloseReason> {
        let Some(key) = self.session_of(conn) else {
            return Ok(());
        };
        // Before anything is entered: a filter that is denied may close the connection.
        let allowed =
            subscribe.filters.map(|(filter, _)| self.may_receive(conn, filter)).collect::<Result<Vec<bool>, _>>()?;
        let (mut codes, mut granted) = (Vec::new(), Vec::new());
        let op = self.ops.insert(Op::waited_by(Waiter::Nobody));
        for ((filter, options), allowed) in subscribe.filters.zip(allowed) {
            if allowed && self.has_room(key, filter) {
                let text = Box::<str>::from(self.indexed(filter.as_str()));
                self.add_subscription(key, text.clone(), options.qos, Some(op));
                codes.push(ReasonCode::from(options.qos));
                granted.push((text, options.qos));
            } else {
                codes.push(REFUSED);
            }
        }
        self.save(key, op, granted, Vec::new());
        self.answer_when_done(conn, op, Answer::SubAck(subscribe.id, codes.into()));
        Ok(())
    }

    pub(super) fn on_unsubscribe(&mut self, conn: Key, unsubscribe: &Unsubscribe<'_>) {
        let Some(key) = self.session_of(conn) else {
            return;
        };
        let op = self.ops.insert(Op::waited_by(Waiter::Nobody));
        let mut removed = Vec::new();
        for filter in unsubscribe.filters {
            let text = self.indexed(filter.as_str());
            if self.drop_subscription(key, text, Some(op)) {
                removed.push(text.into());
            }
        }
        self.save(key, op, Vec::new(), removed);
        // [MQTT-3.10.4-5]: also when nothing matched.
        self.answer_when_done(conn, op, Answer::UnsubAck(unsubscribe.id));
    }

    fn may_receive(&self, conn: Key, filter: TopicFilter<'_>) -> Result<bool, CloseReason> {
        let profile = &self.settings.profile;
        if filter.share().is_some() || too_long(filter.as_str(), profile) {
            return Ok(false);
        }
        let Some(state) = self.conns.get(conn) else {
            return Ok(false);
        };
        let allowed =
            state.permissions.as_ref().is_some_and(|permissions| permissions.allows_subscribe(filter.as_str()));
        if !allowed || !self.parent_exists(conn, filter.as_str()) {
            return match profile.denied {
                Denied::Close => Err(CloseReason::NotAuthorized),
                Denied::Refuse => Ok(false),
            };
        }
        Ok(true)
    }

    fn has_room(&self, key: Key, filter: TopicFilter<'_>) -> bool {
        let Some(session) = self.sessions.get(key) else {
            return false;
        };
        let limit = self.settings.limits.subscriptions_max;
        let max = self.settings.profile.subscriptions_max.map_or(limit, |max| max.get().min(limit));
        let known = session.subscriptions.contains_key(self.indexed(filter.as_str()));
        known || session.subscriptions.len() < max as usize
    }

    /// The text of a filter as the index has it.
    fn indexed<'a>(&self, filter: &'a str) -> &'a str {
        match filter.strip_suffix('/') {
            Some(shorter) if self.settings.profile.trailing_slash_ignored && !shorter.is_empty() => shorter,
            _ => filter,
        }
    }

    /// Enters a subscription, replacing the one with the same filter [MQTT-3.8.4-3]. With an operation, it waits for the siblings.
    pub(super) fn add_subscription(&mut self, key: Key, filter: Box<str>, qos: QoS, op: Option<Key>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Ok(checked) = TopicFilter::new(&filter) else {
            return;
        };
        let instance = session.client.instance;
        if let Some(tenant) = self.tenants.get_mut(usize::from(instance.0)) {
            tenant.index.insert(checked, key.slot, qos);
        }
        let new = session.subscriptions.insert(filter.clone(), qos).is_none();
        self.stats.subscriptions += u64::from(new);
        self.want(instance, &filter, new, op);
    }

    fn drop_subscription(&mut self, key: Key, filter: &str, op: Option<Key>) -> bool {
        let Some(session) = self.sessions.get_mut(key) else {
            return false;
        };
        if session.subscriptions.remove(filter).is_none() {
            return false;
        }
        let instance = session.client.instance;
        self.unindex(key, instance, filter, op);
        true
    }

    pub(super) fn remove_subscriptions(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let instance = session.client.instance;
        for filter in core::mem::take(&mut session.subscriptions).into_keys() {
            self.unindex(key, instance, &filter, None);
        }
    }

    fn unindex(&mut self, key: Key, instance: crate::InstanceIndex, filter: &str, op: Option<Key>) {
        let Ok(checked) = TopicFilter::new(filter) else {
            return;
        };
        if let Some(tenant) = self.tenant(instance) {
            tenant.index.remove(checked, key.slot);
        }
        self.stats.subscriptions -= 1;
        self.unwant(instance, filter, op);
    }

    /// The subscriptions of a session that outlives its connection are durable before they are acknowledged.
    fn save(&mut self, key: Key, op: Key, subscribed: Vec<(Box<str>, QoS)>, unsubscribed: Vec<Box<str>>) {
        let Some(session) = self.sessions.get(key) else {
            return;
        };
        if session.stored.is_none() || (subscribed.is_empty() && unsubscribed.is_empty()) {
            return;
        }
        let client = session.client.clone();
        self.ask_store(StoreOp::SaveSession { client, subscribed, unsubscribed }, Question::Op(op));
    }

    fn answer_when_done(&mut self, conn: Key, op: Key, answer: Answer) {
        if self.ops.get(op).is_some_and(|op| op.waiting == 0) {
            self.ops.remove(op);
            self.reply(conn, answer);
            return;
        }
        let Some(reply) = self.wait_reply(conn, answer) else {
            return;
        };
        if let Some(op) = self.ops.get_mut(op) {
            op.waiter = Waiter::Reply { conn, reply };
        }
    }

    pub(super) fn write_suback(&mut self, conn: Key, id: PacketId, codes: &[ReasonCode]) {
        let reasons = ReasonCodes::new(codes);
        self.write_packet(conn, &Packet::SubAck(SubAck { id, properties: Properties::EMPTY, reasons }));
    }

    pub(super) fn write_unsuback(&mut self, conn: Key, id: PacketId) {
        let reasons = ReasonCodes::EMPTY;
        self.write_packet(conn, &Packet::UnsubAck(UnsubAck { id, properties: Properties::EMPTY, reasons }));
    }

    fn write_packet(&mut self, conn: Key, packet: &Packet<'_>) {
        if let Ok(encoder) = packet.encoder(Version::V3_1_1) {
            let mut bytes = Vec::with_capacity(encoder.encoded_len());
            encoder.write(&mut bytes);
            self.write(conn, &bytes);
        }
    }
}
