use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use lmq_id::Access;

/// What a session may do: actions over MQTT resource filters.
///
/// A grant lets its holder read, write or both below one resource, a topic filter. Publishing needs a writing grant whose filter
/// matches the topic; subscribing needs a reading grant whose filter *covers* the filter asked for, that is, matches every topic it
/// could ever match. `a/+` covers `a/b`, `a/#` covers `a/+/c` and `a`, never the other way round. A filter has to be covered by
/// one resource alone, not by several together. Matching is MQTT's: case-sensitive, `a` and `a/` differ, and a resource that begins
/// with a wildcard reaches no topic that begins with `$`.
///
/// **Attacker's view.** Topic and filter are the peer's choice, taken for valid MQTT as the codec checks it. A decision takes time
/// proportional to the bytes of the resources at most, no memory, and cannot fail. A client that lacks a right on `a/b` cannot get
/// it by subscribing to `a/+` or `#`.
///
/// At most [`RESOURCES_MAX`](Self::RESOURCES_MAX) resources of [`RESOURCE_LEN_MAX`](Self::RESOURCE_LEN_MAX) bytes: at worst
/// 90 KB on the heap, nothing for [`everything`](Self::everything) and [`nothing`](Self::nothing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions(Rights);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rights {
    Everything,
    Grants(Vec<Grant>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    access: Access,
    shape: Shape,
    resource: Box<str>,
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

impl Grant {
    fn new(access: Access, resource: &str) -> Self {
        let shape = match resource.find(['+', '#']) {
            None => Shape::Literal,
            Some(at) if at > 0 && resource[at..] == *"#" => Shape::Below,
            Some(_) => Shape::Pattern,
        };
        Self { access, shape, resource: resource.into() }
    }

    fn covers(&self, filter: &str) -> bool {
        match self.shape {
            Shape::Literal => *self.resource == *filter,
            Shape::Below => {
                let below = &self.resource[..self.resource.len() - 1];
                filter.starts_with(below) || *filter == below[..below.len() - 1]
            }
            Shape::Pattern => Permissions::covers(&self.resource, filter),
        }
    }
}

impl Permissions {
    /// The most resources of one session: three tokens of 100 each.
    pub const RESOURCES_MAX: usize = 300;
    /// The most bytes of one resource filter.
    pub const RESOURCE_LEN_MAX: usize = 256;

    /// Publish and subscribe without limit: what the secret key of an account gives.
    #[must_use]
    pub const fn everything() -> Self {
        Self(Rights::Everything)
    }

    /// No right at all, to be widened with [`grant`](Self::grant).
    #[must_use]
    pub const fn nothing() -> Self {
        Self(Rights::Grants(Vec::new()))
    }

    /// Whether nothing is forbidden: then no topic needs to be asked about.
    #[must_use]
    #[inline]
    pub const fn is_everything(&self) -> bool {
        matches!(self.0, Rights::Everything)
    }

    /// Adds a right. Granting below [`everything`](Self::everything) changes nothing.
    ///
    /// # Errors
    /// When `resource` is not a topic filter, is too long, or is one too many.
    pub fn grant(&mut self, access: Access, resource: &str) -> Result<(), ResourceError> {
        check_resource(resource)?;
        let Rights::Grants(grants) = &mut self.0 else {
            return Ok(());
        };
        if grants.len() == Self::RESOURCES_MAX {
            return Err(ResourceError(Kind::TooMany));
        }
        grants.push(Grant::new(access, resource));
        Ok(())
    }

    /// Whether a message may be published to `topic`, a topic name without wildcards.
    #[must_use]
    pub fn allows_publish(&self, topic: &str) -> bool {
        self.any(Access::writes, topic)
    }

    /// Whether `filter` may be subscribed to.
    #[must_use]
    pub fn allows_subscribe(&self, filter: &str) -> bool {
        self.any(Access::reads, filter)
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
        // [MQTT-4.7.2-1]: a filter that starts with a wildcard does not reach topics that start with '$'.
        if filter.starts_with('$') && resource.starts_with(['+', '#']) {
            return false;
        }
        // "+/#" matches every topic that "#" does, because a topic has at least one level.
        if resource == "+/#" && filter == "#" {
            return true;
        }
        let mut ours = Levels(Some(resource));
        let mut theirs = Levels(Some(filter));
        loop {
            match (ours.next(), theirs.next()) {
                (Some("#"), _) => return true, // [MQTT-4.7.1-2]: the parent level included
                (None, None) => return true,
                (Some(_), None) | (None, Some(_)) | (Some(_), Some("#")) => return false,
                (Some("+"), Some(_)) => {}
                (Some(our), Some(their)) if our == their => {}
                (Some(_), Some(_)) => return false,
            }
        }
    }

    fn any(&self, action: fn(Access) -> bool, filter: &str) -> bool {
        match &self.0 {
            Rights::Everything => true,
            Rights::Grants(grants) => grants.iter().any(|grant| action(grant.access) && grant.covers(filter)),
        }
    }
}

/// The levels of a filter, found by a plain byte scan: they are too short for a character search to pay.
struct Levels<'a>(Option<&'a str>);

impl<'a> Levels<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0?;
        let Some(slash) = rest.bytes().position(|byte| byte == b'/') else {
            self.0 = None;
            return Some(rest);
        };
        self.0 = Some(&rest[slash + 1..]);
        Some(&rest[..slash])
    }
}

fn check_resource(text: &str) -> Result<(), ResourceError> {
    if text.is_empty() {
        return Err(ResourceError(Kind::Empty));
    }
    if text.len() > Permissions::RESOURCE_LEN_MAX {
        return Err(ResourceError(Kind::TooLong { len: text.len() }));
    }
    let mut start = 0;
    for level in text.split('/') {
        let last = start + level.len() == text.len();
        if !(level == "+" || (level == "#" && last)) {
            if let Some(index) = level.find(['+', '#', '\0']) {
                return Err(ResourceError(Kind::Character { index: start + index }));
            }
        }
        start += level.len() + 1;
    }
    Ok(())
}

/// Why a resource was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Empty,
    TooLong { len: usize },
    TooMany,
    Character { index: usize },
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Empty => f.write_str("resource is empty; expected a topic filter such as room/#"),
            Kind::TooLong { len } => {
                write!(f, "resource has {len} bytes; at most {} are allowed", Permissions::RESOURCE_LEN_MAX)
            }
            Kind::TooMany => write!(f, "more than {} resources", Permissions::RESOURCES_MAX),
            Kind::Character { index } => write!(
                f,
                "byte {} of the resource is out of place; '+' must fill a level, '#' the last level, U+0000 is not allowed",
                index + 1
            ),
        }
    }
}

impl core::error::Error for ResourceError {}
