//! Counts of what a run has been through: a fault that never happens proves nothing.

use std::fmt;

macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// Something a run can go through.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Mark {
            $($(#[$doc])* $name,)*
        }

        impl Mark {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// A short name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

marks! {
    /// A connection was paused after its CONNACK.
    Paused => "paused",
    /// A connection was resumed.
    Resumed => "resumed",
    /// Messages of a full queue in memory were dropped.
    DroppedQueueFull => "dropped (queue full)",
    /// A message for a session that was away was dropped.
    DroppedAway => "dropped (away)",
    /// A message the store could not keep was dropped.
    DroppedStoreFailed => "dropped (store failed)",
    /// The store gave messages up.
    Evicted => "evicted",
    /// The broker sent a message again.
    Redelivered => "redelivered",
    /// A client sent a message again.
    Resent => "resent",
    /// A client ended an outbound exchange of QoS 2 on a later connection.
    ReleasedAgain => "released again",
    /// A QoS 2 message came twice and was delivered once.
    TwiceSentOnceTaken => "QoS 2 duplicate suppressed",
    /// A connection was taken over.
    Takeover => "takeover",
    /// The broker crashed.
    Crash => "crash",
    /// A crash lost operations that were not durable.
    CrashLost => "crash lost operations",
    /// A crash left operations durable that nobody was told of.
    CrashKept => "crash kept unanswered operations",
    /// An operation of a store failed.
    StoreFailed => "store failed",
    /// An operation failed because one before it had.
    Fenced => "fenced",
    /// A store stalled.
    StoreStalled => "store stalled",
    /// A store stalled longer than an effect may take.
    StoreStalledLong => "store stalled beyond the effect timeout",
    /// A link was cut.
    Cut => "cut",
    /// A link went dark without an end.
    HalfOpen => "half-open",
    /// Bytes on their way to a client were lost.
    DownlinkLost => "downlink lost",
    /// A client read slowly.
    SlowReader => "slow reader",
    /// A client read nothing for long.
    StoppedReader => "stopped reader",
    /// A verdict came late.
    AuthSlow => "slow verdict",
    /// A verdict never came.
    AuthMissing => "missing verdict",
    /// A client was denied.
    AuthDenied => "denied",
    /// The wall clock was set.
    WallJump => "wall clock jump",
    /// A connection ended by keep-alive.
    ClosedKeepAlive => "closed (keep-alive)",
    /// A connection ended because its peer took nothing.
    ClosedStalled => "closed (stalled)",
    /// A connection ended because it was paused too long.
    ClosedPaused => "closed (paused too long)",
    /// A connection ended because an effect failed.
    ClosedEffect => "closed (effect failed)",
    /// A CONNECT was refused with return code 3.
    Unavailable => "refused (unavailable)",
    /// A client found its session.
    SessionPresent => "session present",
    /// A client discarded its session.
    SessionDiscarded => "session discarded",
    /// A client unsubscribed.
    Unsubscribed => "unsubscribed",
    /// A session ended because its client was away for too long.
    SessionExpired => "session expired",
    /// A message was dropped because its time was over.
    DroppedExpired => "dropped (expired)",
    /// A message came with less time than it was given.
    TimeCounted => "time of a message counted",
    /// A will arrived.
    Will => "will",
    /// A connection with a will ended with DISCONNECT.
    WillCleared => "will cleared",
    /// A client came back before its will was due.
    WillCancelled => "will cancelled",
    /// A connection was lost with a will that waits.
    WillDelayed => "will delayed",
    /// A client of MQTT 5.0 went and asked for its will.
    WillAskedFor => "will asked for with DISCONNECT",
    /// A payload was shared between receivers.
    SharedPayload => "shared payload",
    /// A message crossed between shards.
    Routed => "routed",
    /// A message to one client.
    PointToPoint => "point to point",
    /// A message with RETAIN was published.
    Retained => "retained",
    /// One of them removed what was kept.
    RetainedCleared => "retained cleared",
    /// A subscription brought what was kept.
    Replayed => "retained brought",
    /// A client sent the SUBSCRIBE of a subscription that it has.
    SubscribedAgain => "subscribed again",
    /// A message reached a member of a shared subscription.
    Shared => "shared subscription",
    /// A member in another shard did not take a message.
    GivenBack => "given back in a group",
    /// A second member got a message, because the first was lost.
    PassedOn => "passed on in a group",
    /// The authenticator asked a client for more.
    AskedForMore => "asked for more (AUTH)",
    /// A client never answered it.
    MuteInExchange => "mute in an exchange",
    /// A client proved once more who it is.
    ProvedAgain => "re-authentication",
    /// It was believed.
    ReproofTaken => "re-authentication taken",
    /// It was not.
    ReproofDenied => "re-authentication denied",
    /// An operator closed a connection.
    Kicked => "kicked",
    /// A client of MQTT 5.0 was told why its connection ends.
    Told => "told why",
    /// The broker was stopped gently.
    Drained => "drained",
    /// A downlink message was consumed.
    Consumed => "downlink consumed",
    /// A downlink message was rejected.
    Rejected => "downlink rejected",
    /// A downlink message was offered again after a start.
    OfferedAgain => "downlink offered again",
    /// The MQ side refused a copy.
    UplinkFailed => "uplink failed",
    /// The MQ side never answered for a copy.
    UplinkMissing => "uplink missing",
    /// A stored message came in the order of its queue.
    QueueDrained => "queue drained",
    /// A token was announced to end.
    TokenAnnounced => "token announced to end",
    /// A connection ended with its token.
    TokenEnded => "closed (token ended)",
    /// A token was revoked that a connection held.
    TokenRevoked => "token revoked",
    /// An upload was accepted.
    Uploaded => "token uploaded",
    /// An upload was refused.
    UploadRefused => "upload refused",
    /// A client without credentials was let in with its token.
    LetInByToken => "let in by an uploaded token",
    /// One never uploaded a token.
    TokenTimeout => "no token in time",
    /// An operator closed the connections of a group or a principal.
    ClosedByOrder => "closed by an order",
    /// An operator wanted a client gone that was not in yet.
    UnwantedBeforeIn => "unwanted before it was in",
    /// An operator took the rights of a client away.
    RightsTaken => "rights taken away",
    /// A client said goodbye.
    Disconnected => "disconnected",
}

/// How often each [`Mark`] was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks([u64; Mark::ALL.len()]);

impl Default for Marks {
    fn default() -> Self {
        Self([0; Mark::ALL.len()])
    }
}

impl Marks {
    pub(crate) fn hit(&mut self, mark: Mark) {
        self.hits(mark, 1);
    }

    pub(crate) fn hits(&mut self, mark: Mark, count: u64) {
        self.0[mark as usize] += count;
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }

    /// How often.
    pub const fn count(&self, mark: Mark) -> u64 {
        self.0[mark as usize]
    }

    /// What never happened.
    pub fn missing(&self) -> Vec<Mark> {
        Mark::ALL.iter().copied().filter(|mark| self.count(*mark) == 0).collect()
    }
}

impl fmt::Display for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mark in Mark::ALL {
            writeln!(f, "{:>12}  {}", self.count(*mark), mark.name())?;
        }
        Ok(())
    }
}
