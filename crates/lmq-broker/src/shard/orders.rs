//! What operators want of many connections at once: a few in each call, and of those that are still being asked who they are when they
//! have answered.

use alloc::{collections::VecDeque, sync::Arc};

use lmq_auth::Permissions;

use super::Shard;
use crate::{
    CloseReason, Instant, Selector,
    conn::Phase,
    planted::{Bug, planted},
    slab::Key,
};

/// The orders of operators, numbered from 1 on.
#[derive(Debug, Default)]
pub(super) struct Orders {
    given: u64,
    /// Those that a verdict which is under way may not take into account, oldest first, and until when one may come.
    standing: VecDeque<(Instant, Arc<Order>)>,
    /// Those that were not shown to every connection yet.
    open: VecDeque<Sweep>,
}

#[derive(Debug)]
struct Order {
    number: u64,
    whom: Selector,
    what: What,
}

/// What becomes of a connection.
#[derive(Clone, Debug)]
pub(super) enum What {
    Close(CloseReason),
    Permit(Permissions),
}

#[derive(Debug)]
struct Sweep {
    order: Arc<Order>,
    /// Slots of connections from here to there are to be looked at.
    next: u32,
    end: u32,
}

impl Orders {
    /// How many there were.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// One more, which is carried out elsewhere; its number.
    pub(super) fn count_one(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    /// Whether some are not carried out.
    pub(super) fn are_open(&self) -> bool {
        !self.open.is_empty()
    }

    fn since(&self, number: u64) -> impl Iterator<Item = Arc<Order>> + use<> {
        let first = self.standing.partition_point(|(_, order)| order.number <= number);
        let later: VecDeque<Arc<Order>> = self.standing.range(first..).map(|(_, order)| order.clone()).collect();
        later.into_iter()
    }
}

impl Shard {
    /// Begins to carry an order out; one about a single client is carried out at once.
    pub(super) fn order(&mut self, whom: Selector, what: What) {
        let number = self.orders.count_one();
        self.forget_old_orders();
        let order = Arc::new(Order { number, whom, what });
        // A verdict has so long to come, and a client as long to say more.
        let limits = &self.settings.limits;
        let wait = limits.effect_timeout.max(limits.connect_timeout).max(limits.token_wait);
        let until = self.now.monotonic.saturating_add(wait);
        self.orders.standing.push_back((until, order.clone()));
        if let Selector::Client(client) = &order.whom {
            if let Some(conn) = self.find(client).and_then(|key| self.sessions.get(key)?.conn) {
                self.show(conn, &order);
            }
            return;
        }
        self.orders.open.push_back(Sweep {
            order,
            next: 0,
            end: self.conns.slots().saturating_sub(u32::from(planted(Bug::OrderSkipsOne))),
        });
        self.carry_out_orders();
    }

    /// Shows open orders to as many connections as a call may.
    pub(super) fn carry_out_orders(&mut self) {
        self.forget_old_orders();
        for _ in 0..self.settings.limits.work_per_call_max {
            let Some(sweep) = self.orders.open.front_mut() else { return };
            let (at, order) = (sweep.next, sweep.order.clone());
            sweep.next += 1;
            if sweep.next >= sweep.end {
                self.orders.open.pop_front();
            }
            if let Some(conn) = self.conns.key(at) {
                self.show(conn, &order);
            }
        }
    }

    fn forget_old_orders(&mut self) {
        let now = self.now.monotonic;
        while self.orders.standing.front().is_some_and(|(until, _)| *until <= now) {
            self.orders.standing.pop_front();
        }
    }

    /// A verdict has come: orders that it may not know of hold against it.
    pub(super) fn obey(&mut self, conn: Key) {
        let Some(adopted) = self.conns.get(conn).map(|state| state.adopted) else { return };
        if adopted == self.orders.given || planted(Bug::VerdictOutlivesOrder) {
            return;
        }
        for order in self.orders.since(adopted) {
            self.apply(conn, &order);
        }
    }

    /// Whether an operator wants a client gone that is not in yet; it is refused then.
    pub(super) fn is_unwanted(&mut self, conn: Key) -> bool {
        let Some(adopted) = self.conns.get(conn).map(|state| state.adopted) else { return false };
        for order in self.orders.since(adopted).filter(|order| matches!(order.what, What::Close(_))) {
            self.apply(conn, &order);
        }
        self.conns.get(conn).is_none_or(|state| state.phase == Phase::Closing)
    }

    /// Who has not answered who it is yet is not shown an order: its verdict is.
    fn show(&mut self, conn: Key, order: &Order) {
        let judged = |phase| matches!(phase, Phase::Awaiting | Phase::Opening | Phase::Live);
        if self.conns.get(conn).is_some_and(|state| judged(state.phase)) {
            self.apply(conn, order);
        }
    }

    fn apply(&mut self, conn: Key, order: &Order) {
        let Some(client) = self.client_of(conn) else { return };
        let Some(state) = self.conns.get_mut(conn) else { return };
        if !order.whom.is_about(&client, state.principal) {
            return;
        }
        match &order.what {
            What::Close(reason) if state.adopted < order.number => self.dismiss(conn, reason),
            // Who waits for its token has no rights to replace.
            What::Permit(_) if planted(Bug::RightsStay) => {}
            What::Permit(permissions) if state.obeyed < order.number && state.phase != Phase::Awaiting => {
                state.obeyed = order.number;
                state.permissions = Some(permissions.clone());
                self.end_uncovered(conn);
            }
            _ => {}
        }
    }

    fn dismiss(&mut self, conn: Key, reason: &CloseReason) {
        match self.conns.get(conn).map(|state| state.is_in()) {
            Some(true) => self.close(conn, reason.clone()),
            Some(false) => self.refuse(conn, reason.as_refusal()),
            None => {}
        }
    }
}
