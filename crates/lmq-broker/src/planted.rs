//! Bugs on purpose, to prove that the simulation finds them. They exist only under `--cfg lmq_planted`; without it
//! [`planted`] is a constant and every mention of a bug compiles to nothing.

#[cfg(lmq_planted)]
use core::sync::atomic::{AtomicU32, Ordering};

macro_rules! bugs {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Each stands where a real one would: look for its name.
        #[derive(Clone, Copy)]
        pub(crate) enum Bug {
            $($(#[$doc])* $name,)*
        }

        /// Their names, by number.
        #[cfg(lmq_planted)]
        #[doc(hidden)]
        pub const PLANTED: &[&str] = &[$(stringify!($name),)*];
    };
}

bugs! {
    /// PUBACK and PUBREC do not wait for effects.
    AnswerBeforeEffects,
    /// Answers leave in their order, ready or not.
    AnswerUnready,
    /// A failure in a sibling is reported as success.
    SiblingFailureHidden,
    /// The packet id of an inbound QoS 2 message is not looked up.
    InboundIdIgnored,
    /// PUBREL leaves the packet id where it is.
    InboundIdKept,
    /// PUBREL is not told to the store.
    ReleaseNotStored,
    /// PUBACK does not take the message out of the store.
    AckedKeptInStore,
    /// The end of an outbound exchange is not told to the store.
    ExchangeKeptInStore,
    /// PUBREC is not stored before PUBREL leaves.
    ReceiptNotStored,
    /// A QoS 2 message leaves before its packet id is stored.
    SentBeforeSaved,
    /// A message that is sent again does not say so.
    ResentWithoutDup,
    /// PUBREL is not sent again on a new connection.
    ReleaseNotResent,
    /// A stored message overtakes those that are being fetched.
    StoredOvertakes,
    /// A message overtakes those that wait in memory.
    QueueOvertaken,
    /// The window has no end.
    WindowUnbounded,
    /// The outbox has no end.
    OutboxUnbounded,
    /// The queue in memory has no end.
    QueueUnbounded,
    /// Messages that were given up are not reported.
    DropsUnreported,
    /// A large payload is forgotten behind its head.
    PayloadForgotten,
    /// The older connection of a client stays open.
    TakeoverIgnored,
    /// Silence is no reason to close.
    KeepAliveIgnored,
    /// Nor is a peer that takes nothing.
    StallIgnored,
    /// Effects may take for ever.
    TimeoutIgnored,
    /// The driver is not told to read on.
    ResumeForgotten,
    /// Messages without ticket are never credited.
    CreditForgotten,
    /// SUBACK does not wait for the siblings.
    SubAckEarly,
    /// Siblings are not asked for what a new subscription needs.
    InterestForgotten,
    /// A restored session has no subscriptions in the index.
    SubscriptionsNotRestored,
    /// A restored session does not know its inbound packet ids.
    InboundNotRestored,
    /// A restored session does not know its outbound exchanges.
    InflightNotRestored,
    /// A restored session takes what waits for sent.
    QueueNotRestored,
    /// A start does not wait for the siblings.
    ServedBeforeRestored,
    /// CONNACK never says that a session is present.
    PresentForgotten,
    /// A packet id of an earlier start is used again.
    RestoredIdReused,
    /// There is no `tcpclean` behind a `disconnect`.
    TcpCleanForgotten,
    /// The queue of a session is not read when its client comes back.
    FetchForgotten,
    /// A connection that is lost takes its will along.
    WillForgotten,
    /// DISCONNECT does not clear the will.
    WillAfterDisconnect,
    /// A will does not wait.
    WillDelayIgnored,
    /// A client that comes back does not keep its earlier will from being published.
    WillNotCancelled,
    /// A restored session has no will.
    WillNotRestored,
    /// A session waits for ever.
    SessionExpiryIgnored,
    /// A session ends in this shard and not in the store.
    ExpiredKeptInStore,
    /// A session ends a second early.
    SessionEndsEarly,
    /// A message that has expired leaves.
    ExpiredSent,
    /// A message carries the time it was given.
    ExpiryNotCounted,
    /// A message without payload does not remove what is kept.
    ClearedStaysKept,
    /// The siblings of a topic's owner do not hear of its retained message.
    SiblingsNotTold,
    /// What an earlier start kept is forgotten.
    RetainedNotRestored,
    /// PUBACK and PUBREC do not wait until a message is kept.
    AnsweredBeforeKept,
    /// Nor does SUBACK wait for those that are under way.
    SubAckBeforeKept,
    /// A new subscription brings nothing of what is kept.
    ReplayForgotten,
    /// It brings what the first step finds, and no more.
    ReplayCutShort,
    /// An old one brings it again, although it was to do that only if new.
    BroughtAgain,
    /// Every subscriber is shown RETAIN.
    RetainAlwaysShown,
    /// What a member of a shared subscription did not acknowledge is lost with it.
    LostWithMember,
    /// What a member does not take is dropped.
    ReturnedDropped,
    /// PUBACK and PUBREC do not wait for a member elsewhere.
    MemberNotAwaited,
    /// What was sent to a member with QoS 2 goes to another one too.
    ExactlyOncePassedOn,
    /// Who is asked for more is let in.
    ContinueLetsIn,
    /// The words of AUTH do not reach the authenticator.
    AuthWordsLost,
    /// Who never answers the authenticator stays.
    MuteExchangeKept,
    /// So does who was denied when asked again.
    ReproofDenialIgnored,
    /// A client that is kicked stays.
    KickIgnored,
    /// A client of MQTT 5.0 is not told why its connection ends.
    FarewellForgotten,
    /// A drain leaves a connection out.
    DrainSkipsOne,
    /// A drain is over before its effects are.
    DrainedTooEarly,
    /// A downlink message that failed counts as consumed.
    RejectedAsConsumed,
    /// A downlink message counts as consumed before its effects are done.
    ConsumedEarly,
    /// Positions before one that is consumed count as consumed.
    ConsumedOutOfTurn,
    /// PUBACK and PUBREC do not wait for the MQ side.
    UplinkNotAwaited,
    /// What is read from the store comes from the last to the first.
    FetchedBackwards,
    /// A token has no end.
    TokenEndIgnored,
    /// Bytes are served before it is known that a token has ended.
    TokenEndLate,
    /// A token is not announced to end.
    TokenNotAnnounced,
    /// The same token is announced whenever it is given.
    TokenAnnouncedAgain,
    /// Who holds a revoked token stays.
    RevocationIgnored,
    /// A verdict from before a revocation lets in.
    RevokedLetIn,
    /// What follows an upload does not wait for its verdict.
    UploadNotAwaited,
    /// Any other reason to go on ends the wait for it.
    UploadWaitCutShort,
    /// Who uploaded a token that was refused stays.
    UploadRefusalIgnored,
    /// A client takes its older connection over before its token is accepted.
    AwaitingTakesOver,
    /// It waits for ever.
    AwaitingForEver,
    /// An order of an operator leaves a connection out.
    OrderSkipsOne,
    /// A verdict from before an order outlives it.
    VerdictOutlivesOrder,
    /// Rights that are taken away stay.
    RightsStay,
}

/// 0: none.
#[cfg(lmq_planted)]
static PLANTED_NOW: AtomicU32 = AtomicU32::new(0);

/// Plants the bug with this number in [`PLANTED`], or none, in the whole process.
#[cfg(lmq_planted)]
#[doc(hidden)]
pub fn plant(number: Option<usize>) {
    PLANTED_NOW.store(number.map_or(0, |number| number as u32 + 1), Ordering::Relaxed);
}

#[cfg(lmq_planted)]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED_NOW.load(Ordering::Relaxed) == bug as u32 + 1
}

#[cfg(not(lmq_planted))]
#[inline(always)]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
