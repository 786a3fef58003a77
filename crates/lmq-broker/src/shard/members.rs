//! What the owners of shared subscriptions know of the sessions of this shard.

use alloc::{sync::Arc, vec::Vec};

use lmq_codec::QoS;
use lmq_route::Fit;

use super::{
    Shard, ShardPhase,
    effects::{Op, Waiter},
    groups::{MemberPlace, SHARE, parts},
    siblings::Load,
};
use crate::{
    InstanceIndex, Limits, MemberState, RouteMessage, RouteTicket, Settings, ShardId,
    conn::Conn,
    planted::{Bug, planted},
    session::{Session, SharedMessage},
    slab::{Key, Slab},
};

impl Shard {
    /// A session of ours is a member of a shared subscription from now on, or still. The operation waits until every shard knows.
    pub(super) fn join(&mut self, key: Key, share: &str, op: Option<Key>) {
        self.tell_member_state(key);
        let Some(session) = self.sessions.get(key) else { return };
        let (client, state) = (session.client.clone(), session.told);
        let Some(owner) = self.owner_of(client.instance, share) else { return };
        if owner == self.id {
            return self.enter_group(client.instance, share, &client.client_id, MemberPlace::Here(key), op);
        }
        self.ask_owner(owner, client.instance, share, &client.client_id, Some(state), op);
    }

    /// A session of ours is a member no longer.
    pub(super) fn leave(&mut self, key: Key, share: &str, op: Option<Key>) {
        let Some(session) = self.sessions.get(key) else { return };
        let client = session.client.clone();
        let Some(owner) = self.owner_of(client.instance, share) else { return };
        if owner == self.id {
            return self.quit_group(client.instance, share, &client.client_id, op);
        }
        self.ask_owner(owner, client.instance, share, &client.client_id, None, op);
    }

    fn ask_owner(
        &mut self,
        to: ShardId,
        instance: InstanceIndex,
        share: &str,
        client: &Arc<str>,
        joins: Option<MemberState>,
        op: Option<Key>,
    ) {
        let load = Load { messages: 1, bytes: share.len() as u64 };
        let ticket = self.ask_route(to, op, load);
        self.send(to, RouteMessage::Share { ticket, instance, share: share.into(), client: client.clone(), joins });
    }

    /// A client of a sibling joins or leaves a shared subscription of ours.
    pub(super) fn on_share(
        &mut self,
        (from, ticket): (ShardId, RouteTicket),
        instance: InstanceIndex,
        share: &str,
        client: &Arc<str>,
        joins: Option<MemberState>,
    ) {
        let op = self.ops.insert(Op::waited_by(Waiter::Sibling { to: from, ticket }));
        match joins {
            Some(state) => self.enter_group(instance, share, client, MemberPlace::There(from, state), Some(op)),
            None => self.quit_group(instance, share, client, Some(op)),
        }
        if self.ended_at_once(op) {
            self.done(from, Some(ticket), Load::default());
        }
    }

    /// For its siblings, the owner of a group is a subscriber like any other.
    fn enter_group(
        &mut self,
        instance: InstanceIndex,
        share: &str,
        client: &Arc<str>,
        place: MemberPlace,
        op: Option<Key>,
    ) {
        let (Some((_, filter)), Some(tenant)) = (parts(share), self.tenant(instance)) else {
            return;
        };
        let founded = tenant.shares.join(share, client, place);
        self.want(instance, filter.as_str(), founded, op);
    }

    fn quit_group(&mut self, instance: InstanceIndex, share: &str, client: &str, op: Option<Key>) {
        let (Some((_, filter)), Some(tenant)) = (parts(share), self.tenant(instance)) else {
            return;
        };
        if tenant.shares.leave(share, client) {
            self.unwant(instance, filter.as_str(), op);
        }
    }

    pub(super) fn owner_of(&self, instance: InstanceIndex, share: &str) -> Option<ShardId> {
        let (name, filter) = parts(share)?;
        Some(self.settings.owner_of_group(instance, name, filter.as_str()))
    }

    /// Tells the owners of the groups that a session is in what it can take, if that is not what they know.
    pub(super) fn tell_member_state(&mut self, key: Key) {
        let Self { sessions, conns, settings, .. } = self;
        let Some(session) = sessions.get_mut(key) else { return };
        let state = state(session, conns, &settings.limits);
        if state == session.told {
            return;
        }
        session.told = state;
        let client = session.client.clone();
        let mut owners = owners(session, settings) & !(1 << self.id.0);
        while owners != 0 {
            let to = ShardId(owners.trailing_zeros() as u16);
            owners &= owners - 1;
            let (instance, client) = (client.instance, client.client_id.clone());
            self.send(to, RouteMessage::MemberState { instance, client, state });
        }
    }

    /// The same where the owners may have been told that there is no room.
    #[inline]
    pub(super) fn tell_if_ready(&mut self, key: Key) {
        if self.sessions.get(key).is_some_and(|session| session.told == MemberState::Busy) {
            self.tell_member_state(key);
        }
    }

    /// A connection ends: what it has of shared subscriptions and nobody else. Where everybody is sent away nobody is left to take it.
    pub(super) fn take_shared(&mut self, key: Key, conn: Key) -> Vec<SharedMessage> {
        let draining = self.phase == ShardPhase::Draining;
        let session = self.sessions.get_mut(key).filter(|session| session.conn == Some(conn) && !draining);
        session.filter(|_| !planted(Bug::LostWithMember)).map(Session::take_shared).unwrap_or_default()
    }

    /// The session of an ended connection is away or gone, and others get what it had.
    pub(super) fn member_left(&mut self, key: Key, shared: Vec<SharedMessage>) {
        self.tell_member_state(key);
        for SharedMessage { message, share } in shared {
            self.pass_on(&share, &message, None);
        }
    }
}

/// The shards that own a group which a session is in, one bit each.
fn owners(session: &Session, settings: &Settings) -> u64 {
    let names = session.subscriptions.with_start(SHARE).filter_map(parts);
    let instance = session.client.instance;
    names.fold(0, |set, (name, filter)| set | 1 << settings.owner_of_group(instance, name, filter.as_str()).0)
}

/// What a session can take. One that had no room is ready again once its window is half empty, lest its owners are told of every single
/// acknowledgement.
fn state(session: &Session, conns: &Slab<Conn>, limits: &Limits) -> MemberState {
    let Some(conn) = session.conn.and_then(|conn| conns.get(conn)).filter(|conn| conn.is_live()) else {
        return MemberState::Away;
    };
    let part = if session.told == MemberState::Busy { 2 } else { 1 };
    let window = usize::from(limits.inflight_max.min(conn.send_max));
    let open = session.window.len().max(usize::from(conn.sent_open));
    let room = if part == 1 { open < window } else { open <= window / part };
    if room && !session.waits() { MemberState::Ready } else { MemberState::Busy }
}

/// How a member fits a message of this QoS.
pub(super) fn fit(
    place: MemberPlace,
    qos: QoS,
    share: &str,
    sessions: &Slab<Session>,
    conns: &Slab<Conn>,
    settings: &Settings,
) -> Fit {
    let session = match place {
        MemberPlace::Here(key) => sessions.get(key),
        MemberPlace::There(_, MemberState::Ready) => return Fit::Ready,
        MemberPlace::There(_, MemberState::Busy) => return Fit::Later,
        // Without QoS nothing is kept. Whether a session keeps it otherwise is for its shard to say.
        MemberPlace::There(_, MemberState::Away) if qos == QoS::AtMostOnce => return Fit::Never,
        MemberPlace::There(_, MemberState::Away) => return Fit::Later,
    };
    let Some(session) = session else {
        return Fit::Never;
    };
    let Some(conn) = session.conn.and_then(|conn| conns.get(conn)).filter(|conn| conn.is_live()) else {
        return if keeps(session, qos, share, settings) { Fit::Later } else { Fit::Never };
    };
    let full = session.window.len() >= usize::from(settings.limits.inflight_max) || !conn.has_send_quota();
    if full || !conn.has_room(&settings.limits) || session.waits() { Fit::Later } else { Fit::Ready }
}

/// Whether a session without connection keeps a message of this QoS that a group would give it.
pub(super) fn keeps(session: &Session, qos: QoS, share: &str, settings: &Settings) -> bool {
    let granted = session.subscriptions.get(share).map_or(QoS::AtMostOnce, |granted| granted.options.qos);
    session.stores(granted.min(qos), settings.profile.stored_qos_max)
}
