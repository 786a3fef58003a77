//! Where a PUBLISH of a client goes.

use alloc::{sync::Arc, vec::Vec};

use lmq_codec::{Delivery, PacketId, Properties, Publish, QoS, ReasonCode, TopicName};

use super::{Shard, effects::Waiter, fan::Fan, judge::Judgement, targets::Targets};
use crate::{
    ClientKey, CloseReason, InstanceIndex, Message,
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
}
