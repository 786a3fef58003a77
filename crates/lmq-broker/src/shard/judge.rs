//! What the profile and the client's rights say of a PUBLISH, or of a will.

use core::num::NonZeroU32;

use lmq_auth::{Denial, Permissions};
use lmq_codec::{Properties, Property, ReasonCode, TopicName};
use lmq_id::{Access, P2pTopic, ParentTopic};
use lmq_model::control;

use super::{Shard, publish::Arrival};
use crate::{CloseReason, Denied, InstanceIndex, Profile, conn::Conn, slab::Key};

/// What the profile says of a PUBLISH.
pub(super) enum Judgement<'a> {
    Forward,
    PointToPoint(&'a str),
    /// Not forwarded, and answered so; before MQTT 5.0 as if it were.
    Discard(ReasonCode),
}

impl Shard {
    pub(super) fn judge<'a>(
        &self,
        conn: Key,
        instance: InstanceIndex,
        arrival: Arrival<'a>,
    ) -> Result<Judgement<'a>, CloseReason> {
        let profile = &self.settings.profile;
        let Some(state) = self.conns.get(conn) else {
            return Ok(Judgement::Discard(ReasonCode::Success));
        };
        // Most topics are nobody's business, and as text they would be looked through once more.
        let free = !profile.judges_topics() && state.permissions.as_ref().is_some_and(Permissions::is_everything);
        let judgement =
            if free { Judgement::Forward } else { self.judge_topic((conn, state), instance, arrival.topic)? };
        if let Judgement::Discard(_) = judgement {
            return Ok(judgement);
        }
        let too_many = |max: NonZeroU32, bytes: usize| bytes > max.get() as usize;
        if profile.payload_bytes_max.is_some_and(|max| too_many(max, arrival.payload.len()))
            || profile.user_properties_bytes_max.is_some_and(|max| too_many(max, user_bytes(arrival.properties)))
        {
            return Ok(Judgement::Discard(ReasonCode::QuotaExceeded));
        }
        Ok(judgement)
    }

    fn judge_topic<'a>(
        &self,
        (conn, state): (Key, &Conn),
        instance: InstanceIndex,
        topic: TopicName<'a>,
    ) -> Result<Judgement<'a>, CloseReason> {
        let profile = &self.settings.profile;
        let topic = topic.as_str();
        if profile.control_topics && control::is_reserved(topic) {
            return Ok(Judgement::Discard(ReasonCode::Success));
        }
        let point_to_point = profile.p2p && P2pTopic::has_shape(topic);
        if !point_to_point && too_long(topic, profile) {
            return Err(CloseReason::InvalidTopic("longer than the profile allows"));
        }
        let routed = profile.routed(topic);
        let decided = state.permissions.as_ref().map_or(Err(Denial::Action), |permissions| permissions.publish(routed));
        let decided = decided.and_then(|()| self.parent_exists(instance, topic).then_some(()).ok_or(Denial::Resource));
        if let Err(denial) = decided {
            return match profile.denied {
                Denied::Close => Err(self.denied(conn, denial, Access::writes)),
                Denied::Refuse => Ok(Judgement::Discard(ReasonCode::NotAuthorized)),
            };
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
}

/// Bytes of the names and values of all user properties.
fn user_bytes(properties: Properties<'_>) -> usize {
    let bytes = |property: Property<'_>| match property {
        Property::UserProperty(user) => user.name.len() + user.value.len(),
        _ => 0,
    };
    properties.iter().map(bytes).sum()
}

/// Whether a topic name or filter is longer than the profile allows.
pub(super) fn too_long(text: &str, profile: &Profile) -> bool {
    let Some(max) = profile.topic_chars_max else {
        return false;
    };
    let max = max.get() as usize;
    text.len() > max && text.chars().count() > max
}
