//! Where a PUBLISH of a client goes.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use lmq_codec::{Delivery, PacketId, Properties, Publish, QoS, ReasonCode, TopicName};

use super::{
    Shard,
    deliver::Sent,
    effects::{Addressee, Forward, Op, Question, Waiter},
    fan::Fan,
    judge::Judgement,
    targets::{RemoteMember, Targets},
};
use crate::{
    ClientKey, CloseReason, InstanceIndex, Message, QueueSlot, StoreOp,
    planted::{Bug, planted},
    replies::Answer,
    session::InboundStage,
    slab::Key,
};

/// Memory that is used again for every message.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) targets: Targets,
    /// Groups that match.
    pub(super) groups: Vec<lmq_route::Group>,
    pub(super) frames: super::fan::Frames,
}

/// A message as it came: it lives as long as the buffer it lies in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) topic: TopicName<'a>,
    pub(super) payload: &'a [u8],
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) properties: Properties<'a>,
    /// Seconds until it is worth nothing.
    pub(super) expiry_secs: Option<u32>,
}

/// Where a message comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) instance: InstanceIndex,
    /// The publishing session; `None` if a sibling or the MQ side sent the message.
    pub(super) session: Option<Key>,
    pub(super) persistent: bool,
    /// The message may wait in the store for a session that is away.
    pub(super) may_store: bool,
}

/// What becomes of a message that was accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    /// The operation that its answer waits for.
    pub(super) op: Option<Key>,
    /// What the answer says.
    pub(super) reason: ReasonCode,
}

impl Shard {
    pub(super) fn on_publish(&mut self, conn: Key, publish: Publish<'_>) -> Result<(), CloseReason> {
        let aliased = self.resolve_alias(conn, &publish)?;
        let topic = match &aliased {
            Some(topic) => TopicName::new(topic).ok(),
            None => publish.topic,
        };
        let Some(topic) = topic else {
            return Err(CloseReason::Unexpected("PUBLISH without topic name"));
        };
        let Publish { delivery, retain, properties, payload, .. } = publish;
        let expiry_secs = if properties.is_empty() { None } else { properties.message_expiry_interval() };
        let arrival = Arrival { topic, payload, qos: delivery.qos(), retain, properties, expiry_secs };
        self.check_publish(conn, &arrival)?;
        self.stats.received[usize::from(u8::from(arrival.qos))] += 1;
        self.stats.payload_bytes_received += payload.len() as u64;
        if self.is_upload(topic.as_bytes()) {
            return self.on_upload(conn, delivery, payload);
        }
        match delivery {
            Delivery::AtMostOnce => {
                self.accept(conn, arrival, None)?;
                Ok(())
            }
            Delivery::AtLeastOnce { id, .. } => {
                let Accepted { op, reason } = self.accept(conn, arrival, None)?;
                self.answer_publish(conn, Answer::PubAck(id, reason), op, |conn, reply| Waiter::Reply { conn, reply });
                Ok(())
            }
            Delivery::ExactlyOnce { id, .. } => self.on_exactly_once(conn, id, arrival),
        }
    }

    /// The topic that an alias stands for, if the packet has no name; remembers what an alias means if it has both.
    pub(super) fn resolve_alias(&mut self, conn: Key, publish: &Publish<'_>) -> Result<Option<Arc<str>>, CloseReason> {
        if publish.properties.is_empty() {
            return Ok(None);
        }
        let Some(alias) = publish.properties.topic_alias() else {
            return Ok(None);
        };
        let Some(v5) = self.conns.get_mut(conn).and_then(|state| state.v5.as_mut()) else {
            return Ok(None);
        };
        if alias.get() > self.settings.limits.topic_alias_max {
            // [MQTT-3.2.2-17] [MQTT-3.3.2-9]
            return Err(CloseReason::Protocol(ReasonCode::TopicAliasInvalid, "topic alias above the maximum"));
        }
        if let Some(topic) = publish.topic {
            v5.inbound.set(alias, topic.as_str());
            return Ok(None);
        }
        match v5.inbound.topic(alias) {
            Some(topic) => Ok(Some(topic)),
            None => Err(CloseReason::Protocol(ReasonCode::ProtocolError, "topic alias without a meaning")),
        }
    }

    /// What MQTT 5.0 forbids a client that was told so in CONNACK.
    #[inline]
    fn check_publish(&mut self, conn: Key, arrival: &Arrival<'_>) -> Result<(), CloseReason> {
        let Self { conns, settings, .. } = self;
        let Some(v5) = conns.get_mut(conn).and_then(|state| state.v5.as_mut()) else {
            return Ok(());
        };
        // [MQTT-3.2.2-14]
        if arrival.retain && !settings.profile.retained_messages {
            return Err(CloseReason::Protocol(ReasonCode::RetainNotSupported, "RETAIN is not available"));
        }
        if !arrival.properties.is_empty() && arrival.properties.subscription_identifier().is_some() {
            // [MQTT-3.3.4-6]
            return Err(CloseReason::Protocol(ReasonCode::ProtocolError, "PUBLISH with a subscription identifier"));
        }
        if arrival.qos != QoS::AtMostOnce {
            // [MQTT-3.3.4-8]
            if v5.received_open >= settings.limits.receive_max.get() {
                return Err(CloseReason::Protocol(ReasonCode::ReceiveMaximumExceeded, "more than the receive maximum"));
            }
            v5.received_open += 1;
        }
        Ok(())
    }

    /// The first PUBLISH of an id is forwarded; a later one, before PUBREL, is only answered [MQTT-4.3.3-2].
    fn on_exactly_once(&mut self, conn: Key, id: PacketId, arrival: Arrival<'_>) -> Result<(), CloseReason> {
        let Some(session_key) = self.conns.get(conn).and_then(|state| state.session) else {
            return Ok(());
        };
        let Some(session) = self.sessions.get(session_key) else {
            return Ok(());
        };
        let received = |conn, reply| Waiter::Received { conn, reply, session: session_key, packet_id: id };
        let known = Answer::PubRec(id, ReasonCode::Success);
        match session.inbound.stage(id).filter(|_| !planted(Bug::InboundIdIgnored)) {
            Some(InboundStage::Received) => self.answer_publish(conn, known, None, received),
            // On the connection that waits already, one PUBREC answers both.
            Some(InboundStage::Pending(op)) if self.waits_for(op, conn) => {}
            Some(InboundStage::Pending(op)) => self.answer_publish(conn, known, Some(op), received),
            None => {
                let stored = session.stores(QoS::ExactlyOnce, self.settings.profile.stored_qos_max);
                let dedup = stored.then(|| (session.client.clone(), id));
                let Accepted { op, reason } = self.accept(conn, arrival, dedup)?;
                // [MQTT-4.3.3-9]: PUBREC with a failure ends the exchange.
                if let Some(session) = self.sessions.get_mut(session_key).filter(|_| !reason.is_failure()) {
                    session.inbound.set(id, op.map_or(InboundStage::Received, InboundStage::Pending));
                }
                self.answer_publish(conn, Answer::PubRec(id, reason), op, received);
            }
        }
        Ok(())
    }

    fn waits_for(&self, op: Key, conn: Key) -> bool {
        let waiter = self.ops.get(op).map(|op| op.waiter);
        matches!(waiter, Some(Waiter::Received { conn: waiting, .. }) if waiting == conn)
    }

    fn answer_publish(
        &mut self,
        conn: Key,
        answer: Answer,
        op: Option<Key>,
        waiter: impl Fn(Key, crate::replies::ReplyId) -> Waiter,
    ) {
        let Some(op) = op.filter(|_| !planted(Bug::AnswerBeforeEffects)) else {
            self.reply(conn, answer);
            return;
        };
        let Some(reply) = self.wait_reply(conn, answer) else {
            return;
        };
        let Some(state) = self.ops.get_mut(op) else { return };
        state.waiter = waiter(conn, reply);
        if state.waiting == 0 {
            state.waiting = 1;
            self.settle(op, true);
        }
    }

    /// Applies the profile, then sends the message on its way.
    fn accept(
        &mut self,
        conn: Key,
        arrival: Arrival<'_>,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Result<Accepted, CloseReason> {
        let Some(origin) = self.origin(conn) else {
            return Ok(Accepted { op: None, reason: ReasonCode::Success });
        };
        match self.judge(conn, origin.instance, arrival)? {
            Judgement::Forward => Ok(self.publish(&origin, arrival, dedup)),
            Judgement::PointToPoint(target) => {
                let op = self.point_to_point(&origin, target, arrival, dedup);
                Ok(Accepted { op, reason: ReasonCode::Success })
            }
            Judgement::Discard(reason) => {
                self.stats.discarded += 1;
                // Before MQTT 5.0 there is no other answer [MQTT-3.3.5-2].
                let tells = self.conns.get(conn).is_some_and(|state| state.v5.is_some());
                Ok(Accepted { op: None, reason: if tells { reason } else { ReasonCode::Success } })
            }
        }
    }

    pub(super) fn origin(&self, conn: Key) -> Option<Origin> {
        let key = self.conns.get(conn)?.session?;
        let session = self.sessions.get(key)?;
        Some(Origin {
            instance: session.client.instance,
            session: Some(key),
            persistent: session.stored.is_some(),
            may_store: true,
        })
    }

    /// Delivers to the subscribers of every shard.
    pub(super) fn publish(
        &mut self,
        origin: &Origin,
        arrival: Arrival<'_>,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Accepted {
        let mut fan = Fan::new(arrival, self.settings.limits.shared_payload_bytes_min, self.now.wall);
        // Clients are paused while something is under way: it is a will.
        if self.line.is_busy() {
            let message = self.message(origin, &mut fan);
            self.line.add_will(*origin, message);
            return Accepted { op: None, reason: ReasonCode::Success };
        }
        self.publish_fan(origin, &mut fan, dedup)
    }

    pub(super) fn publish_fan(
        &mut self,
        origin: &Origin,
        fan: &mut Fan<'_>,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Accepted {
        // One record against a second try and everything it stands for belong into one operation of the store.
        let max = if dedup.is_some() { usize::MAX } else { self.settings.limits.deliveries_per_call_max as usize };
        let (topic, qos) = (fan.topic, fan.qos);
        let shards = self.match_topic(origin.instance, topic, qos, origin.session, max);
        let heard = shards != 0 || !self.scratch.targets.is_empty();
        let retain = self.retain(origin, fan);
        let op = self.fan_out(origin, fan, shards, dedup);
        let op = self.copy_up(origin, fan, op);
        let op = self.wait_for_retained(retain, op, qos);
        let tells = origin.session.is_some() && qos != QoS::AtMostOnce;
        let reason = if heard || !tells { ReasonCode::Success } else { self.unheard(origin) };
        Accepted { op, reason }
    }

    /// What a publisher of MQTT 5.0 is told of a message that nobody subscribed to.
    fn unheard(&self, origin: &Origin) -> ReasonCode {
        let session = origin.session.and_then(|key| self.sessions.get(key));
        let conn = session.and_then(|session| self.conns.get(session.conn?));
        let goes_up = self.goes_up(origin.instance);
        match conn {
            Some(conn) if conn.v5.is_some() && !goes_up => ReasonCode::NoMatchingSubscribers,
            _ => ReasonCode::Success,
        }
    }

    /// Delivers to one client, which needs no subscription.
    pub(super) fn point_to_point(
        &mut self,
        origin: &Origin,
        target: &str,
        arrival: Arrival<'_>,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Option<Key> {
        let owner = self.settings.shard_of(origin.instance, target);
        // What is for one client is kept for nobody else.
        let arrival = Arrival { retain: false, ..arrival };
        let mut fan = Fan::new(arrival, self.settings.limits.shared_payload_bytes_min, self.now.wall);
        if owner == self.id {
            let origin = Origin { may_store: origin.persistent, ..*origin };
            self.match_client(&origin, target, arrival.qos);
            let op = self.fan_out(&origin, &mut fan, 0, dedup);
            return self.copy_up(&origin, &mut fan, op);
        }
        let message = self.message(origin, &mut fan);
        let op = self.route_point_to_point(owner, target, &message);
        if let Some(op) = op.and_then(|op| self.ops.get_mut(op)) {
            op.record = dedup.is_some();
        }
        self.copy_up(origin, &mut fan, op)
    }

    /// Delivers to the local sessions in the scratch list now, or after the effects this needs, or some at a time; tells the
    /// siblings in `shards`.
    pub(super) fn fan_out(
        &mut self,
        origin: &Origin,
        fan: &mut Fan<'_>,
        shards: u64,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Option<Key> {
        if self.scratch.targets.too_many {
            return self.divide(origin, fan, shards);
        }
        let deferred = dedup.is_some();
        let receivers = if deferred { self.defer_all(origin, fan) } else { self.send_all(origin, fan) };
        if receivers.is_empty() && !deferred && shards == 0 && self.scratch.targets.remote.is_empty() {
            return None;
        }
        let remote = core::mem::take(&mut self.scratch.targets.remote);
        // What others have to do is recorded against a second try when it is done, not before.
        let dedup = dedup.filter(|_| shards == 0 && remote.is_empty() && self.is_all_here(origin, fan));
        let record = deferred && dedup.is_none();
        // A message that waits for the store goes behind it also without receivers here, lest it overtakes an earlier one that has some
        // [MQTT-4.6.0-6].
        let op = if !receivers.is_empty() || deferred {
            Some(self.store_then_forward(origin, fan, receivers, (shards, remote), deferred, dedup))
        } else {
            let message = self.message(origin, fan);
            let op = self.route(shards, &message);
            self.send_to_members(remote, &message, op);
            op
        };
        if let Some(op) = op.and_then(|op| self.ops.get_mut(op)) {
            op.record = record;
        }
        op
    }

    /// Sends to those that are served from memory; returns those whose message goes through the store.
    #[inline]
    fn send_all(&mut self, origin: &Origin, fan: &mut Fan<'_>) -> Vec<Addressee> {
        let mut receivers = Vec::new();
        let mut at = 0;
        while let Some((stopped_at, sent)) = self.send_from(at, origin, fan) {
            if sent == Sent::Stored {
                receivers.extend(self.addressee(stopped_at, fan, true));
            } else {
                self.unsent(stopped_at, sent, origin, fan);
            }
            at = stopped_at + 1;
        }
        receivers
    }

    /// Nobody gets it before it is stored.
    fn defer_all(&mut self, origin: &Origin, fan: &Fan<'_>) -> Vec<Addressee> {
        let (stored_qos_max, count) = (self.settings.profile.stored_qos_max, self.scratch.targets.len());
        let receiver = |at| {
            let (slot, terms) = self.scratch.targets.at(at, fan.qos, fan.retain)?;
            let stores = self.sessions.at(slot)?.stores(terms.qos, stored_qos_max);
            self.addressee(at, fan, origin.may_store && stores)
        };
        (0..count).filter_map(receiver).collect()
    }

    fn addressee(&mut self, at: usize, fan: &Fan<'_>, stored: bool) -> Option<Addressee> {
        let Self { scratch, sessions, .. } = self;
        let (slot, terms) = scratch.targets.at(at, fan.qos, fan.retain)?;
        let session = sessions.key(slot)?;
        let queue = sessions.get_mut(session)?.stored.as_mut().filter(|_| stored);
        let seq = queue.map(|queue| queue.assign());
        Some(Addressee { session, options: terms.to_options(), seq, share: terms.share.cloned() })
    }

    /// Whether neither another shard nor the MQ side has to do with a message, its subscribers aside.
    fn is_all_here(&self, origin: &Origin, fan: &Fan<'_>) -> bool {
        let goes_up = self.goes_up(origin.instance);
        let kept_elsewhere = fan.retain
            && self.settings.profile.retained_messages
            && self.settings.owner_of_topic(origin.instance, fan.topic.as_str()) != self.id;
        !goes_up && !kept_elsewhere
    }

    fn store_then_forward(
        &mut self,
        origin: &Origin,
        fan: &mut Fan<'_>,
        receivers: Vec<Addressee>,
        elsewhere: (u64, Vec<RemoteMember>),
        deferred: bool,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Key {
        let message = self.message(origin, fan);
        let slot = |receiver: &Addressee| {
            let client = self.sessions.get(receiver.session)?.client.clone();
            Some(QueueSlot { client, seq: receiver.seq?, options: receiver.options.clone() })
        };
        let queues = receivers.iter().filter_map(slot).collect();
        // A QoS 2 message of a session that stays leaves for the siblings behind its store; the rest need not wait for that, and must not,
        // lest a later message that needs no store overtakes it [MQTT-4.6.0-6].
        let nowhere = (0, Vec::new());
        let (later, at_once) = if deferred { (elsewhere, nowhere) } else { (nowhere, elsewhere) };
        self.appends += 1;
        let ordinal = self.appends;
        let forward = Forward { ordinal, message: message.clone(), receivers, shards: later.0, remote: later.1 };
        let op = self.ops.insert(Op { forward: Some(Box::new(forward)), ..Op::waited_by(Waiter::Nobody) });
        self.ask_store(StoreOp::Append { message: message.clone(), queues, dedup }, Question::Append(op));
        self.route_to(at_once.0, &message, Some(op));
        self.send_to_members(at_once.1, &message, Some(op));
        op
    }

    /// The message in its long-lived form, made once.
    pub(super) fn message(&mut self, origin: &Origin, fan: &mut Fan<'_>) -> Arc<Message> {
        if let Some(message) = &fan.message {
            return message.clone();
        }
        let publisher =
            origin.session.and_then(|key| self.sessions.get(key)).map(|session| session.client.client_id.clone());
        let message = Arc::new(Message {
            id: self.next_message_id(),
            instance: origin.instance,
            topic: fan.topic.as_str().into(),
            payload: fan.payload(),
            qos: fan.qos,
            retain: fan.retain,
            properties: fan.properties().clone(),
            expires_at: fan.expires_at,
            expiry_secs: fan.expiry_secs,
            publisher_persistent: origin.persistent,
            publisher: publisher.unwrap_or_default(),
        });
        fan.message = Some(message.clone());
        message
    }

    /// A message without ticket to every sibling in `shards`, or with a new operation where its QoS wants answers.
    fn route(&mut self, shards: u64, message: &Arc<Message>) -> Option<Key> {
        if message.qos == QoS::AtMostOnce {
            self.route_to(shards, message, None);
            return None;
        }
        let op = self.ops.insert(Op::waited_by(Waiter::Nobody));
        self.route_to(shards, message, Some(op));
        Some(op)
    }
}
