//! What a session may do with topics.

mod denial;
mod filter;
mod index;
mod resource;
mod rules;
mod table;

use alloc::boxed::Box;

use lmq_id::Access;

pub use self::denial::Denial;
pub use self::resource::ResourceError;
use self::rules::Rules;
use self::table::{Direction, Owner, Rule};

/// What a session may do: actions over MQTT resource filters.
///
/// A grant lets its holder read, write or both below one resource, a topic filter. Publishing needs a writing grant whose filter
/// matches the topic; subscribing needs a reading grant whose filter *covers* the filter asked for, that is, matches every topic it
/// could ever match. `a/+` covers `a/b`, `a/#` covers `a/+/c` and `a`, never the other way round. A filter has to be covered by
/// one resource alone, not by several together. Matching is MQTT's: case-sensitive, `a` and `a/` differ, and a resource that begins
/// with a wildcard reaches no topic that begins with `$`.
///
/// A denial wins over every grant: it forbids the topics it matches, and every subscription that could deliver one of them.
///
/// Wills and P2P messages are publishes like others: the right to write `room/p2p/GID_a@@@1` is `room/p2p/GID_a@@@1` itself, `room/p2p/#`
/// or `room/#`; `room` alone is not. To receive P2P messages takes no right, so nobody asks here.
///
/// A client has rights of its own, given with [`grant`](Self::grant), and those of up to three tokens, one of each type
/// ([`set_token`](Self::set_token)).
///
/// **Attacker's view.** Topic and filter are the peer's choice, taken for valid MQTT as the codec checks it. A decision takes
/// no memory and cannot fail. It takes about as long for 300 resources as for three: a look-up for each *shape* that the resources have
/// (number of levels, places of wildcards); at worst, with resources made for it, as long as comparing all of them,
/// which a subscription with wildcards always takes where there are denials. A client that lacks a right on `a/b` cannot get
/// it by subscribing to `a/+` or `#`.
///
/// At most [`RESOURCES_MAX`](Self::RESOURCES_MAX) resources of [`RESOURCE_LEN_MAX`](Self::RESOURCE_LEN_MAX) bytes: at worst
/// 120 KB on the heap, nothing for [`everything`](Self::everything) and [`nothing`](Self::nothing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Who of the owners may do everything, one bit each.
    everything: u8,
    /// `None` where there are none.
    rules: Option<Box<Rules>>,
}

impl Permissions {
    /// The most resources of one session, all together: three tokens of 100 each.
    pub const RESOURCES_MAX: usize = 300;
    /// The most bytes of one resource filter.
    pub const RESOURCE_LEN_MAX: usize = 256;

    /// Publish and subscribe without limit: what the secret key of an account gives.
    #[must_use]
    pub const fn everything() -> Self {
        Self { everything: Owner::Client.bit(), rules: None }
    }

    /// No right at all, to be widened with [`grant`](Self::grant) and [`set_token`](Self::set_token).
    #[must_use]
    pub const fn nothing() -> Self {
        Self { everything: 0, rules: None }
    }

    /// Adds a right. Granting below [`everything`](Self::everything) changes nothing.
    ///
    /// # Errors
    /// When `resource` is not a topic filter, is too long, or is one too many.
    pub fn grant(&mut self, access: Access, resource: &str) -> Result<(), ResourceError> {
        resource::check(resource)?;
        if self.everything & Owner::Client.bit() != 0 {
            return Ok(());
        }
        self.room()?.allowed.insert(Rule::new(Owner::Client, access, resource));
        Ok(())
    }

    /// Forbids what `access` and `resource` say, whatever else is granted now or later.
    ///
    /// ```
    /// use lmq_auth::Permissions;
    /// use lmq_id::Access;
    /// let mut rights = Permissions::everything();
    /// rights.deny(Access::Read, "room/secret/#")?;
    /// assert!(rights.allows_subscribe("room/open/+") && !rights.allows_subscribe("room/#"));
    /// assert!(rights.allows_publish("room/secret/1"));
    /// # Ok::<(), lmq_auth::ResourceError>(())
    /// ```
    ///
    /// # Errors
    /// When `resource` is not a topic filter, is too long, or is one too many.
    pub fn deny(&mut self, access: Access, resource: &str) -> Result<(), ResourceError> {
        resource::check(resource)?;
        self.room()?.denied.insert(Rule::new(Owner::Client, access, resource));
        Ok(())
    }

    /// Replaces all that the earlier token of type `slot` granted (and denied) by `rights`, and leaves the rest: what
    /// `$SYS/uploadToken` does on a live connection.
    ///
    /// `slot` only names the token; `rights` counts as it is, with the rights of tokens it holds itself.
    ///
    /// # Errors
    /// When there would be more than [`RESOURCES_MAX`](Self::RESOURCES_MAX) resources; nothing is changed then. Cannot happen to rights that stem
    /// from tokens alone, of at most 100 resources each.
    pub fn set_token(&mut self, slot: Access, rights: Self) -> Result<(), ResourceError> {
        let owner = Owner::Token(slot);
        let others = self.rules.as_ref().map_or(0, |rules| rules.len_without(owner));
        let new = rights.rules.map_or_else(Rules::new, |rules| *rules);
        if others + new.len() > Self::RESOURCES_MAX {
            return Err(ResourceError::TOO_MANY);
        }
        self.everything &= !owner.bit();
        if rights.everything != 0 {
            self.everything |= owner.bit();
        }
        let mut rules = self.rules.take().unwrap_or_else(|| Box::new(Rules::new()));
        rules.replace(owner, new);
        self.rules = Some(rules).filter(|rules| rules.len() > 0);
        Ok(())
    }

    /// Whether nothing is forbidden: then no topic needs to be asked about.
    #[must_use]
    #[inline]
    pub const fn is_everything(&self) -> bool {
        self.everything != 0 && self.rules.is_none()
    }

    /// Asks to publish to `topic`, a topic name without wildcards.
    ///
    /// # Errors
    /// [`Denial::Action`] when nothing grants any publish; [`Denial::Resource`] when something does, but not to this topic, or this
    /// topic is denied.
    #[inline]
    pub fn publish(&self, topic: &str) -> Result<(), Denial> {
        self.decide(Direction::Publish, topic)
    }

    /// Asks to subscribe to `filter`, without the `$share/<name>/` of a shared subscription.
    ///
    /// # Errors
    /// [`Denial::Action`] when nothing grants any subscription; [`Denial::Resource`] when something does, but no resource covers the
    /// filter, or the filter could deliver from a denied topic.
    #[inline]
    pub fn subscribe(&self, filter: &str) -> Result<(), Denial> {
        self.decide(Direction::Subscribe, filter)
    }

    /// Whether [`publish`](Self::publish) says yes.
    #[must_use]
    #[inline]
    pub fn allows_publish(&self, topic: &str) -> bool {
        self.publish(topic).is_ok()
    }

    /// Whether [`subscribe`](Self::subscribe) says yes.
    #[must_use]
    #[inline]
    pub fn allows_subscribe(&self, filter: &str) -> bool {
        self.subscribe(filter).is_ok()
    }

    /// Whether every topic that `filter` matches is matched by `resource` too.
    ///
    /// Both are taken for valid topic filters; a topic name is the filter that matches itself only.
    ///
    /// ```
    /// use lmq_auth::Permissions;
    /// assert!(Permissions::covers("room/#", "room/message/+"));
    /// assert!(!Permissions::covers("room/message/+", "room/#"));
    /// ```
    #[must_use]
    pub fn covers(resource: &str, filter: &str) -> bool {
        filter::covers(resource, filter)
    }

    /// Whether there is a topic that both filters match.
    ///
    /// Both are taken for valid topic filters; a topic name is the filter that matches itself only.
    ///
    /// ```
    /// use lmq_auth::Permissions;
    /// assert!(Permissions::overlaps("room/+/1", "room/message/#"));
    /// assert!(!Permissions::overlaps("room/+", "room/message/1"));
    /// ```
    #[must_use]
    pub fn overlaps(a: &str, b: &str) -> bool {
        filter::overlaps(a, b)
    }

    pub(crate) fn check_resource(text: &str) -> Result<(), ResourceError> {
        resource::check(text)
    }

    /// Without one trailing `/`, as the product routes topics; `/` alone stays.
    pub(crate) fn routed(text: &str) -> &str {
        text.strip_suffix('/').filter(|shorter| !shorter.is_empty()).unwrap_or(text)
    }

    /// The rules, with room for one more.
    fn room(&mut self) -> Result<&mut Rules, ResourceError> {
        let rules = self.rules.get_or_insert_with(|| Box::new(Rules::new()));
        if rules.len() < Self::RESOURCES_MAX { Ok(rules) } else { Err(ResourceError::TOO_MANY) }
    }

    fn decide(&self, direction: Direction, filter: &str) -> Result<(), Denial> {
        let everything = self.everything != 0;
        let Some(rules) = &self.rules else {
            return if everything { Ok(()) } else { Err(Denial::Action) };
        };
        rules.decide(everything, direction, filter)
    }
}
