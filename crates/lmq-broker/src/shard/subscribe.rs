//! SUBSCRIBE and UNSUBSCRIBE.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use lmq_auth::Denial;
use lmq_codec::{
    Packet, PacketId, Properties, ReasonCode, ReasonCodes, SubAck, Subscribe, TopicFilter, UnsubAck, Unsubscribe,
};

use lmq_id::Access;

use super::{
    Shard,
    effects::{Op, Question, Waiter},
    groups::SHARE,
    judge::too_long,
};
use crate::{
    CloseReason, Denied, InstanceIndex, Resource, StoreOp, Subscription,
    planted::{Bug, planted},
    replies::Answer,
    slab::Key,
};

impl Shard {
    /// Filters are taken in their order [MQTT-3.8.4-4]; each gets a code of its own [MQTT-3.8.4-5].
    pub(super) fn on_subscribe(&mut self, conn: Key, subscribe: Subscribe<'_>) -> Result<(), CloseReason> {
        let Some(key) = self.session_of(conn) else {
            return Ok(());
        };
        let Some(instance) = self.sessions.get(key).map(|session| session.client.instance) else {
            return Ok(());
        };
        // Before anything is entered: a filter that is denied may close the connection.
        let refused = subscribe
            .filters
            .map(|(filter, _)| self.may_receive(conn, instance, filter))
            .collect::<Result<Vec<Option<ReasonCode>>, _>>()?;
        let id = subscribe.properties.subscription_identifier();
        let mut codes = Vec::new();
        let (mut granted, mut brought) = (BTreeMap::new(), BTreeSet::new());
        let (mut room, mut added) = (self.room_for_filters(key), 0);
        for ((filter, options), refused) in subscribe.filters.zip(refused) {
            let text = self.indexed(filter);
            let new = !granted.contains_key(text) && !self.is_subscribed(key, text);
            let full = new && (room == 0 || !self.has_quota(instance, Resource::Subscriptions, added + 1));
            let refused = refused.or(full.then_some(ReasonCode::QuotaExceeded));
            if let Some(code) = refused {
                codes.push(self.in_version(conn, code));
                continue;
            }
            room -= usize::from(new);
            added += u32::from(new);
            // A filter that is there twice is entered once, as it stands there last.
            granted.insert(text, Subscription { options, id });
            if self.brings_retained(filter, options, new) {
                brought.insert(text);
            }
            codes.push(ReasonCode::from(options.qos));
        }
        let replay = |text: &str| Some((text.into(), self.replay_of(*granted.get(text)?)));
        let replays: Box<[_]> = brought.into_iter().filter_map(replay).collect();
        let granted: Vec<(Box<str>, Subscription)> =
            granted.into_iter().map(|(text, granted)| (text.into(), granted)).collect();
        let op = self.ops.insert(Op::waited_by(Waiter::Nobody));
        for (filter, subscription) in &granted {
            self.add_subscription(key, filter.clone(), *subscription, Some(op));
        }
        self.save(key, op, granted, Vec::new());
        if !replays.is_empty() && !planted(Bug::SubAckBeforeKept) {
            self.await_retained(op);
        }
        self.answer_when_done(conn, op, Answer::SubAck(subscribe.id, codes.into(), replays));
        Ok(())
    }

    pub(super) fn on_unsubscribe(&mut self, conn: Key, unsubscribe: &Unsubscribe<'_>) {
        let Some(key) = self.session_of(conn) else {
            return;
        };
        let op = self.ops.insert(Op::waited_by(Waiter::Nobody));
        let (mut removed, mut codes) = (Vec::new(), Vec::new());
        for filter in unsubscribe.filters {
            let text = self.indexed(filter);
            let known = self.drop_subscription(key, text, Some(op));
            codes.push(if known { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted });
            if known {
                removed.push(text.into());
            }
        }
        self.save(key, op, Vec::new(), removed);
        // [MQTT-3.10.4-5]: also when nothing matched.
        self.answer_when_done(conn, op, Answer::UnsubAck(unsubscribe.id, codes.into()));
    }

    /// Why a filter is refused, if it is.
    fn may_receive(
        &self,
        conn: Key,
        instance: InstanceIndex,
        filter: TopicFilter<'_>,
    ) -> Result<Option<ReasonCode>, CloseReason> {
        let profile = &self.settings.profile;
        let filter = match filter.share() {
            Some(_) if !profile.shared_subscriptions => return Ok(Some(ReasonCode::SharedSubscriptionsNotSupported)),
            Some((_, inner)) => inner,
            // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
            None if filter.as_str().starts_with(SHARE) => return Ok(Some(ReasonCode::TopicFilterInvalid)),
            None => filter,
        };
        let slashes = filter.as_bytes().iter().filter(|byte| **byte == b'/').count();
        let deep = slashes >= usize::from(self.settings.limits.filter_levels_max);
        if deep || too_long(filter.as_str(), profile) {
            return Ok(Some(ReasonCode::TopicFilterInvalid));
        }
        let Some(state) = self.conns.get(conn) else {
            return Ok(Some(ReasonCode::UnspecifiedError));
        };
        let routed = profile.routed(filter.as_str());
        let decided =
            state.permissions.as_ref().map_or(Err(Denial::Action), |permissions| permissions.subscribe(routed));
        let exists = || self.parent_exists(instance, filter.as_str());
        if let Err(denial) = decided.and_then(|()| exists().then_some(()).ok_or(Denial::Resource)) {
            return match profile.denied {
                Denied::Close => Err(self.denied(conn, denial, Access::reads)),
                Denied::Refuse => Ok(Some(ReasonCode::NotAuthorized)),
            };
        }
        Ok(None)
    }

    /// What SUBACK says of a refused filter: before MQTT 5.0 always 0x80.
    fn in_version(&self, conn: Key, code: ReasonCode) -> ReasonCode {
        let tells = self.conns.get(conn).is_some_and(|state| state.v5.is_some());
        if tells { code } else { ReasonCode::UnspecifiedError }
    }

    /// How many more filters one packet may bring.
    fn room_for_filters(&self, key: Key) -> usize {
        let limit = self.settings.limits.subscriptions_max;
        let max = self.settings.profile.subscriptions_max.map_or(limit, |max| max.get().min(limit));
        let held = self.sessions.get(key).map_or(0, |session| session.subscriptions.len());
        let room = (max as usize).saturating_sub(held);
        room.min(self.settings.limits.filters_per_packet_max as usize)
    }

    fn is_subscribed(&self, key: Key, filter: &str) -> bool {
        self.sessions.get(key).is_some_and(|session| session.subscriptions.contains(filter))
    }

    /// The text of a filter as the index has it.
    fn indexed<'a>(&self, filter: TopicFilter<'a>) -> &'a str {
        let (text, inner) = (filter.as_str(), filter.share().map_or(filter, |(_, inner)| inner));
        match text.strip_suffix('/') {
            Some(shorter) if self.settings.profile.trailing_slash_ignored && inner.as_str() != "/" => shorter,
            _ => text,
        }
    }

    /// Enters a subscription, replacing the one with the same filter [MQTT-3.8.4-3]. With an operation, it waits for the siblings.
    pub(super) fn add_subscription(&mut self, key: Key, filter: Box<str>, subscription: Subscription, op: Option<Key>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Ok(checked) = TopicFilter::new(&filter) else {
            return;
        };
        let instance = session.client.instance;
        let new = session.subscriptions.insert(filter.clone(), subscription).is_none();
        self.stats.subscriptions += u64::from(new);
        if let Some(usage) = self.usage(instance) {
            usage.own.subscriptions += u32::from(new);
        }
        if checked.share().is_some() {
            // Told again, like an ordinary filter that is not confirmed, where somebody waits.
            if new || op.is_some() {
                self.join(key, &filter, op);
            }
            return;
        }
        if let Some(tenant) = self.tenants.get_mut(usize::from(instance.0)) {
            tenant.index.insert(checked, key.slot, subscription);
        }
        self.want(instance, &filter, new, op);
    }

    pub(super) fn drop_subscription(&mut self, key: Key, filter: &str, op: Option<Key>) -> bool {
        let Some(session) = self.sessions.get_mut(key) else {
            return false;
        };
        if session.subscriptions.remove(filter).is_none() {
            return false;
        }
        if let Some(replays) = &mut session.replays {
            replays.cancel(filter);
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
        for filter in core::mem::take(&mut session.subscriptions).into_filters() {
            self.unindex(key, instance, &filter, None);
        }
    }

    fn unindex(&mut self, key: Key, instance: InstanceIndex, filter: &str, op: Option<Key>) {
        let Ok(checked) = TopicFilter::new(filter) else {
            return;
        };
        self.stats.subscriptions -= 1;
        if let Some(usage) = self.usage(instance) {
            usage.own.subscriptions = usage.own.subscriptions.saturating_sub(1);
        }
        if checked.share().is_some() {
            return self.leave(key, filter, op);
        }
        if let Some(tenant) = self.tenant(instance) {
            tenant.index.remove(checked, key.slot);
        }
        self.unwant(instance, filter, op);
    }

    /// The subscriptions of a session that outlives its connection are durable before they are acknowledged.
    pub(super) fn save(
        &mut self,
        key: Key,
        op: Key,
        subscribed: Vec<(Box<str>, Subscription)>,
        unsubscribed: Vec<Box<str>>,
    ) {
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
        if self.ended_at_once(op) {
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

    /// Before MQTT 5.0 UNSUBACK has no codes.
    pub(super) fn write_unsuback(&mut self, conn: Key, id: PacketId, codes: &[ReasonCode]) {
        let tells = self.conns.get(conn).is_some_and(|state| state.v5.is_some());
        let reasons = if tells { ReasonCodes::new(codes) } else { ReasonCodes::EMPTY };
        self.write_packet(conn, &Packet::UnsubAck(UnsubAck { id, properties: Properties::EMPTY, reasons }));
    }
}
