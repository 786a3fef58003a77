//! Where a PUBLISH of a client goes.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use lmq_codec::{Delivery, PacketId, Publish, QoS, TopicName};
use lmq_id::{P2pTopic, ParentTopic};
use lmq_model::control;

use super::{
    Shard,
    deliver::Fan,
    effects::{Forward, Op, Question, Receiver, Waiter},
    siblings::{SIBLING, shard_bit},
};
use crate::{
    ClientKey, CloseReason, Denied, InstanceIndex, Message, Profile, QueueSlot, StoreOp, replies::Answer,
    session::InboundStage, slab::Key,
};

/// A session with a matching subscription, by slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) session: u32,
    pub(super) qos: QoS,
}

/// Memory that is used again for every message.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    targets: Vec<Target>,
    pub(super) frames: super::deliver::Frames,
}

/// A message as it came: it lives as long as the buffer it lies in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) topic: TopicName<'a>,
    pub(super) payload: &'a [u8],
    pub(super) qos: QoS,
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

/// What the profile says of a PUBLISH.
enum Judgement<'a> {
    Forward,
    PointToPoint(&'a str),
    Discard,
}

impl Shard {
    pub(super) fn on_publish(&mut self, conn: Key, publish: Publish<'_>) -> Result<(), CloseReason> {
        // Only MQTT 5.0 has a PUBLISH without topic name.
        let Some(topic) = publish.topic else {
            return Err(CloseReason::Unexpected("PUBLISH without topic name"));
        };
        let arrival = Arrival { topic, payload: publish.payload, qos: publish.delivery.qos() };
        self.stats.received[usize::from(u8::from(arrival.qos))] += 1;
        self.stats.payload_bytes_received += publish.payload.len() as u64;
        match publish.delivery {
            Delivery::AtMostOnce => {
                self.accept(conn, arrival, None)?;
                Ok(())
            }
            Delivery::AtLeastOnce { id, .. } => {
                let op = self.accept(conn, arrival, None)?;
                self.answer_publish(conn, Answer::PubAck(id), op, |conn, reply| Waiter::Reply { conn, reply });
                Ok(())
            }
            Delivery::ExactlyOnce { id, .. } => self.on_exactly_once(conn, id, arrival),
        }
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
        match session.inbound.stage(id) {
            Some(InboundStage::Received) => self.answer_publish(conn, Answer::PubRec(id), None, received),
            // On the connection that waits already, one PUBREC answers both.
            Some(InboundStage::Pending(op)) if self.waits_for(op, conn) => {}
            Some(InboundStage::Pending(op)) => self.answer_publish(conn, Answer::PubRec(id), Some(op), received),
            None => {
                let stored = session.stores(QoS::ExactlyOnce, self.settings.profile.stored_qos_max);
                let dedup = stored.then(|| (session.client.clone(), id));
                let op = self.accept(conn, arrival, dedup)?;
                let stage = op.map_or(InboundStage::Received, InboundStage::Pending);
                if let Some(session) = self.sessions.get_mut(session_key) {
                    session.inbound.set(id, stage);
                }
                self.answer_publish(conn, Answer::PubRec(id), op, received);
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
        let Some(op) = op else {
            self.reply(conn, answer);
            return;
        };
        let Some(reply) = self.wait_reply(conn, answer) else {
            return;
        };
        if let Some(op) = self.ops.get_mut(op) {
            op.waiter = waiter(conn, reply);
        }
    }

    /// Applies the profile, then sends the message on its way. Returns the operation to wait for, if any.
    fn accept(
        &mut self,
        conn: Key,
        arrival: Arrival<'_>,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Result<Option<Key>, CloseReason> {
        let Some(origin) = self.origin(conn) else {
            return Ok(None);
        };
        match self.judge(conn, origin.instance, arrival)? {
            Judgement::Forward => Ok(self.publish(&origin, arrival, dedup)),
            Judgement::PointToPoint(target) => Ok(self.point_to_point(&origin, target, arrival, dedup)),
            Judgement::Discard => {
                self.stats.discarded += 1;
                Ok(None)
            }
        }
    }

    fn judge<'a>(
        &self,
        conn: Key,
        instance: InstanceIndex,
        arrival: Arrival<'a>,
    ) -> Result<Judgement<'a>, CloseReason> {
        let profile = &self.settings.profile;
        let topic = arrival.topic.as_str();
        if profile.control_topics && control::is_reserved(topic) {
            return Ok(Judgement::Discard);
        }
        let point_to_point = profile.p2p && P2pTopic::has_shape(topic);
        if !point_to_point && too_long(topic, profile) {
            return Err(CloseReason::InvalidTopic("longer than the profile allows"));
        }
        let Some(state) = self.conns.get(conn) else {
            return Ok(Judgement::Discard);
        };
        let allowed = state.permissions.as_ref().is_some_and(|permissions| permissions.allows_publish(topic));
        if !allowed || !self.parent_exists(instance, topic) {
            return match profile.denied {
                Denied::Close => Err(CloseReason::NotAuthorized),
                Denied::Refuse => Ok(Judgement::Discard),
            };
        }
        if profile.payload_bytes_max.is_some_and(|max| arrival.payload.len() > max.get() as usize) {
            return Ok(Judgement::Discard);
        }
        if !point_to_point {
            return Ok(Judgement::Forward);
        }
        match P2pTopic::split(topic) {
            Ok((_, target)) => Ok(Judgement::PointToPoint(target.as_str())),
            Err(_) => Err(CloseReason::InvalidTopic("a P2P topic is <parent>/p2p/<client id>")),
        }
    }

    /// Whether the first level of a topic or filter is a parent topic of the instance, where the profile asks.
    pub(super) fn parent_exists(&self, instance: InstanceIndex, topic: &str) -> bool {
        if !self.settings.profile.parent_topics {
            return true;
        }
        let parent = ParentTopic::level_of(topic);
        let instance = self.settings.instances.get(usize::from(instance.0));
        instance.is_some_and(|instance| instance.parent_topics.binary_search_by(|known| (**known).cmp(parent)).is_ok())
    }

    fn origin(&self, conn: Key) -> Option<Origin> {
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
    fn publish(&mut self, origin: &Origin, arrival: Arrival<'_>, dedup: Option<(ClientKey, PacketId)>) -> Option<Key> {
        let shards = self.match_topic(origin.instance, arrival.topic);
        let mut fan = Fan::new(arrival, self.settings.limits.shared_payload_bytes_min);
        let op = self.fan_out(origin, &mut fan, shards, dedup);
        self.copy_up(origin, &mut fan, op)
    }

    /// Delivers to one client, which needs no subscription.
    ///
    /// A message for a client of a sibling is not recorded under its packet id: after a restart it may come twice.
    fn point_to_point(
        &mut self,
        origin: &Origin,
        target: &str,
        arrival: Arrival<'_>,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Option<Key> {
        let owner = self.settings.shard_of(origin.instance, target);
        let mut fan = Fan::new(arrival, self.settings.limits.shared_payload_bytes_min);
        if owner == self.id {
            let origin = Origin { may_store: origin.persistent, ..*origin };
            self.match_client(&origin, target, arrival.qos);
            let op = self.fan_out(&origin, &mut fan, 0, dedup);
            return self.copy_up(&origin, &mut fan, op);
        }
        let message = self.message(origin, &mut fan);
        let op = self.route_point_to_point(owner, target, &message);
        self.copy_up(origin, &mut fan, op)
    }

    /// Delivers to the local sessions in the scratch list now, or after the effects this needs; tells the siblings in `shards`.
    pub(super) fn fan_out(
        &mut self,
        origin: &Origin,
        fan: &mut Fan<'_>,
        shards: u64,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Option<Key> {
        let targets = core::mem::take(&mut self.scratch.targets);
        let stored_qos_max = self.settings.profile.stored_qos_max;
        let deferred = dedup.is_some();
        let mut receivers = Vec::new();
        for target in &targets {
            let qos = target.qos.min(fan.qos);
            let Some(session) = self.sessions.at_mut(target.session) else {
                continue;
            };
            if origin.may_store && session.stores(qos, stored_qos_max) {
                let seq = session.stored.as_mut().map(|stored| stored.assign());
                let Some(session) = self.sessions.key(target.session) else {
                    continue;
                };
                receivers.push(Receiver { session, qos, seq });
            } else if deferred {
                let Some(session) = self.sessions.key(target.session) else {
                    continue;
                };
                receivers.push(Receiver { session, qos, seq: None });
            } else {
                self.deliver(target.session, qos, fan, origin);
            }
        }
        self.scratch.targets = targets;
        if receivers.is_empty() && !deferred {
            if shards == 0 {
                return None;
            }
            let message = self.message(origin, fan);
            return self.route(shards, &message);
        }
        Some(self.store_then_forward(origin, fan, receivers, shards, dedup))
    }

    fn store_then_forward(
        &mut self,
        origin: &Origin,
        fan: &mut Fan<'_>,
        receivers: Vec<Receiver>,
        shards: u64,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Key {
        let message = self.message(origin, fan);
        let slot = |receiver: &Receiver| {
            let client = self.sessions.get(receiver.session)?.client.clone();
            Some(QueueSlot { client, seq: receiver.seq?, qos: receiver.qos })
        };
        let queues = receivers.iter().filter_map(slot).collect();
        // What is recorded against a second try leaves for the siblings behind that; the rest need not wait for our store, and must not,
        // lest a later message that needs no store overtakes it [MQTT-4.6.0-6].
        let (later, at_once) = if dedup.is_some() { (shards, 0) } else { (0, shards) };
        let forward = Forward { message: message.clone(), receivers, shards: later };
        let op = self.ops.insert(Op { forward: Some(Box::new(forward)), ..Op::waited_by(Waiter::Nobody) });
        self.ask_store(StoreOp::Append { message: message.clone(), queues, dedup }, Question::Append(op));
        self.route_to(at_once, &message, Some(op));
        op
    }

    /// Collects the local sessions that match into the scratch list, each once, with the highest QoS of its matching
    /// subscriptions [MQTT-3.3.5-1]; returns the siblings that have subscribers.
    pub(super) fn match_topic(&mut self, instance: InstanceIndex, topic: TopicName<'_>) -> u64 {
        let ignore_slash = self.settings.profile.trailing_slash_ignored;
        let topic = if ignore_slash { without_trailing_slash(topic) } else { topic };
        let Self { tenants, scratch, deliveries, .. } = self;
        let targets = &mut scratch.targets;
        targets.clear();
        let (mut shards, mut last, mut sorted) = (0, None, true);
        let Some(tenant) = tenants.get_mut(usize::from(instance.0)) else {
            return 0;
        };
        tenant.index.for_each_cached(topic, |key, qos| {
            *deliveries = deliveries.saturating_add(1);
            if key & SIBLING != 0 {
                shards |= shard_bit(key);
            } else {
                sorted &= last < Some(key);
                last = Some(key);
                targets.push(Target { session: key, qos });
            }
        });
        if !sorted {
            targets.sort_unstable_by_key(|target| target.session);
            targets.dedup_by(|later, first| {
                let same = later.session == first.session;
                if same {
                    first.qos = first.qos.max(later.qos);
                }
                same
            });
        }
        shards
    }

    /// Puts the session of a P2P target into the scratch list, if it may have the message.
    ///
    /// Whether the message may wait for a session that is away is decided by the sender.
    pub(super) fn match_client(&mut self, origin: &Origin, target: &str, qos: QoS) {
        self.scratch.targets.clear();
        let found = self.find_client(origin.instance, target).and_then(|key| Some((key, self.sessions.get(key)?)));
        match found {
            Some((key, session)) if session.conn.is_some() || (origin.may_store && session.stored.is_some()) => {
                self.scratch.targets.push(Target { session: key.slot, qos });
            }
            _ => self.stats.p2p_without_target += 1,
        }
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

/// Whether a topic name or filter is longer than the profile allows.
pub(super) fn too_long(text: &str, profile: &Profile) -> bool {
    let Some(max) = profile.topic_chars_max else {
        return false;
    };
    let max = max.get() as usize;
    text.len() > max && text.chars().count() > max
}

/// `a/b/` and `a/b` are one topic in the product; `/` alone stays.
pub(super) fn without_trailing_slash(topic: TopicName<'_>) -> TopicName<'_> {
    match topic.as_str().strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => TopicName::new(shorter).unwrap_or(topic),
        _ => topic,
    }
}
