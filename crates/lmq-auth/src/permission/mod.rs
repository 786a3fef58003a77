//! What a session may do with topics.

mod denial;
mod filter;
mod resource;

use alloc::boxed::Box;
use alloc::vec::Vec;

use lmq_id::Access;

pub use self::denial::Denial;
pub use self::resource::ResourceError;

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
/// **Attacker's view.** Topic and filter are the peer's choice, taken for valid MQTT as the codec checks it. A decision takes time
/// proportional to the bytes of the resources at most, no memory, and cannot fail. A client that lacks a right on `a/b` cannot get
/// it by subscribing to `a/+` or `#`.
///
/// At most [`RESOURCES_MAX`](Self::RESOURCES_MAX) resources of [`RESOURCE_LEN_MAX`](Self::RESOURCE_LEN_MAX) bytes: at worst
/// 90 KB on the heap, nothing for [`everything`](Self::everything) and [`nothing`](Self::nothing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Who of the owners may do everything, one bit each.
    everything: u8,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    owner: Owner,
    effect: Effect,
    access: Access,
    shape: Shape,
    resource: Box<str>,
}

/// Whose rule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Client,
    Token(Access),
}

impl Owner {
    const fn bit(self) -> u8 {
        match self {
            Self::Client => 1,
            Self::Token(access) => 2 << access as u8,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// What there is to compare; most resources need no walk over levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// No wildcard.
    Literal,
    /// `#` as the last of at least two levels, no other wildcard.
    Below,
    /// Anything else.
    Pattern,
}

impl Rule {
    fn new(effect: Effect, access: Access, resource: &str) -> Self {
        let shape = match resource.find(['+', '#']) {
            None => Shape::Literal,
            Some(at) if at > 0 && resource[at..] == *"#" => Shape::Below,
            Some(_) => Shape::Pattern,
        };
        Self { owner: Owner::Client, effect, access, shape, resource: resource.into() }
    }

    fn covers(&self, filter: &str) -> bool {
        match self.shape {
            Shape::Literal => *self.resource == *filter,
            Shape::Below => {
                let below = &self.resource[..self.resource.len() - 1];
                filter.starts_with(below) || *filter == below[..below.len() - 1]
            }
            Shape::Pattern => filter::covers(&self.resource, filter),
        }
    }
}

impl Permissions {
    /// The most resources of one session, all together: three tokens of 100 each.
    pub const RESOURCES_MAX: usize = 300;
    /// The most bytes of one resource filter.
    pub const RESOURCE_LEN_MAX: usize = 256;

    /// Publish and subscribe without limit: what the secret key of an account gives.
    #[must_use]
    pub const fn everything() -> Self {
        Self { everything: Owner::Client.bit(), rules: Vec::new() }
    }

    /// No right at all, to be widened with [`grant`](Self::grant) and [`set_token`](Self::set_token).
    #[must_use]
    pub const fn nothing() -> Self {
        Self { everything: 0, rules: Vec::new() }
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
        self.add(Effect::Allow, access, resource)
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
        self.add(Effect::Deny, access, resource)
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
        let others = self.rules.iter().filter(|rule| rule.owner != owner).count();
        if others + rights.rules.len() > Self::RESOURCES_MAX {
            return Err(ResourceError::TOO_MANY);
        }
        self.everything &= !owner.bit();
        if rights.everything != 0 {
            self.everything |= owner.bit();
        }
        self.rules.retain(|rule| rule.owner != owner);
        self.rules.extend(rights.rules.into_iter().map(|rule| Rule { owner, ..rule }));
        Ok(())
    }

    /// Whether nothing is forbidden: then no topic needs to be asked about.
    #[must_use]
    #[inline]
    pub fn is_everything(&self) -> bool {
        self.everything != 0 && self.rules.is_empty()
    }

    /// Asks to publish to `topic`, a topic name without wildcards.
    ///
    /// # Errors
    /// [`Denial::Action`] when nothing grants any publish; [`Denial::Resource`] when something does, but not to this topic, or this
    /// topic is denied.
    #[inline]
    pub fn publish(&self, topic: &str) -> Result<(), Denial> {
        self.decide(Access::writes, topic)
    }

    /// Asks to subscribe to `filter`, without the `$share/<name>/` of a shared subscription.
    ///
    /// # Errors
    /// [`Denial::Action`] when nothing grants any subscription; [`Denial::Resource`] when something does, but no resource covers the
    /// filter, or the filter could deliver from a denied topic.
    #[inline]
    pub fn subscribe(&self, filter: &str) -> Result<(), Denial> {
        self.decide(Access::reads, filter)
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

    fn add(&mut self, effect: Effect, access: Access, resource: &str) -> Result<(), ResourceError> {
        if self.rules.len() == Self::RESOURCES_MAX {
            return Err(ResourceError::TOO_MANY);
        }
        self.rules.push(Rule::new(effect, access, resource));
        Ok(())
    }

    fn decide(&self, action: fn(Access) -> bool, filter: &str) -> Result<(), Denial> {
        if self.is_everything() {
            return Ok(());
        }
        let rules = |effect| self.rules.iter().filter(move |rule| rule.effect == effect && action(rule.access));
        if rules(Effect::Deny).any(|rule| filter::overlaps(&rule.resource, filter)) {
            return Err(Denial::Resource);
        }
        if self.everything != 0 || rules(Effect::Allow).any(|rule| rule.covers(filter)) {
            return Ok(());
        }
        let any = rules(Effect::Allow).next().is_some();
        Err(if any { Denial::Resource } else { Denial::Action })
    }
}
