//! Retained messages in the end: every shard has the same, and the owner's store has it too.

use lmq_broker::InstanceIndex;
use lmq_codec::TopicName;

use super::{Event, World};
use crate::{
    clock::SECOND,
    violation::{Checker, Violation},
    wire::number_of,
};

impl World {
    /// Once nothing is under way.
    pub(crate) fn check_kept(&mut self) {
        for topic in 0..self.options.topics {
            if let Err(violation) = self.check_topic(&format!("sim/{topic}")) {
                return self.fail(violation);
            }
        }
        if let Err(violation) = self.ledger.check_claims() {
            self.fail(violation);
        }
    }

    fn check_topic(&mut self, topic: &str) -> Result<(), Violation> {
        let instance = InstanceIndex(0);
        let name = TopicName::new(topic).expect("the simulation names its topics without wildcards");
        let kept = self.nodes.iter().map(|node| node.shard.retained(instance, name));
        let kept: Vec<Option<u64>> =
            kept.map(|message| message.and_then(|message| number_of(&message.payload))).collect();
        if kept.iter().any(|one| *one != kept[0]) {
            return Err(Violation::new(Checker::Retained, format!("{topic}: the shards have {kept:?}")));
        }
        self.ledger.check_kept(topic, kept[0])?;
        let owner = usize::from(self.settings.owner_of_topic(instance, topic).0);
        let wall = self.clock.now().wall;
        let stored = self.stores[owner].kept_of(topic).filter(|message| !message.is_expired(wall));
        let stored = stored.and_then(|message| number_of(&message.payload));
        // What a store could not forget is forgotten by the shard alone.
        if stored != kept[0] && !self.ledger.store_fails() {
            let text = format!("{topic}: the shards have {:?}, the store has {stored:?}", kept[0]);
            return Err(Violation::new(Checker::Retained, text));
        }
        Ok(())
    }

    /// Every client gives its subscriptions up and takes them again, and publishes while the others do: what is kept must come, and nothing
    /// that was kept before.
    pub(crate) fn subscribe_last(&mut self) {
        for at in 0..self.clients.len() {
            self.with_client(at, |client, ctx| client.unsubscribe_all(ctx));
            self.plan_wake(at);
            let delay = SECOND + self.delay(15);
            self.clock.after(delay, Event::PublishKept(at));
        }
    }
}
