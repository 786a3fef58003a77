//! What the clients and the outside use besides publishing and subscribing: each area is there in some runs only.

use lmq_codec::QoS;

use super::rate;
use crate::rng::Rng;

/// Areas of the broker that a run uses, and what goes wrong in them. Rates are those of [`Options`](super::Options).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// Per mille of messages and wills that have RETAIN; 0: the profile keeps what it says.
    pub retain: u32,
    /// Per mille of those that are empty, and so remove what is kept.
    pub clear: u32,
    /// `Limits::retained_messages_max`.
    pub retained_max: u32,
    /// A client sends the SUBSCRIBE of a subscription that it has once more.
    pub resubscribe: u32,
    /// Per cent of the clients that are members of a shared subscription; 0: the profile has what it says.
    pub shared_percent: u32,
    /// How many groups there are.
    pub groups: usize,
    /// What all of them ask for, if it is the same.
    pub shared_qos: Option<QoS>,
    /// Of the members, per cent that have ordinary subscriptions as well.
    pub shared_mixed_percent: u32,
    /// Per cent of the clients of MQTT 5.0 that name an authentication method.
    pub auth_percent: u32,
    /// How often the authenticator asks for more, at most.
    pub auth_rounds: u64,
    /// Per mille of its questions that a client never answers.
    pub auth_mute: u32,
    /// A client proves once more who it is.
    pub reauth: u32,
    /// An operator closes the connection of a client.
    pub kick: u32,
    /// An operator stops the broker gently.
    pub drain: u32,
    /// Sources of downlink messages.
    pub sources: u32,
    /// Messages each offers in phase one.
    pub downlinks: u32,
    /// Milliseconds between two of them, on average.
    pub downlink_interval_ms: u64,
    /// Milliseconds that the MQ side takes for a copy, at most.
    pub uplink_delay_max_ms: u64,
    /// Per mille of copies that it refuses.
    pub uplink_fail: u32,
    /// Per mille of copies that it never answers for.
    pub uplink_missing: u32,
    /// Tokens, and what operators do with them.
    pub tokens: Tokens,
}

/// Rights that end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Per mille of verdicts whose rights come from a token; 0: there are no tokens in this run.
    pub granted: u32,
    /// Seconds for which a token is good, at most.
    pub secs_max: u64,
    /// A client uploads a token.
    pub upload: u32,
    /// Per mille of uploads that bring the same token again.
    pub same: u32,
    /// Per cent of the clients that connect without credentials and upload a token then.
    pub legacy_percent: u32,
    /// Per mille of their connections on which they never do.
    pub mute: u32,
    /// A token is revoked.
    pub revoke: u32,
    /// An operator closes the connections of a group or a principal.
    pub close: u32,
    /// An operator takes the rights of a client away (profile lmq).
    pub permit: u32,
}

/// Of these groups a run has the first ones.
pub(crate) const GROUPS: [&str; 4] = ["$share/g0/sim/#", "$share/g1/sim/#", "$share/g0/sim/0", "$share/g1/sim/+"];

impl Features {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let mut features = Self {
            retain: rng.pick(&[0, 0, 200, 600]),
            clear: rng.pick(&[0, 150, 500]),
            retained_max: rng.pick(&[1_000_000, 1_000_000, 1_000_000, 1]),
            resubscribe: rate(rng, 250),
            shared_percent: rng.pick(&[0, 0, 50, 100]),
            groups: rng.pick(&[1, 1, 2, 4]),
            shared_qos: rng.pick(&[None, Some(QoS::AtLeastOnce), Some(QoS::AtLeastOnce), Some(QoS::ExactlyOnce)]),
            shared_mixed_percent: rng.pick(&[0, 0, 50]),
            auth_percent: rng.pick(&[0, 50, 100]),
            auth_rounds: rng.below(4),
            auth_mute: rate(rng, 80),
            reauth: rate(rng, 200),
            kick: rate(rng, 80),
            drain: rate(rng, 25),
            sources: rng.pick(&[0, 0, 1, 3]),
            downlinks: rng.range(5, 40) as u32,
            downlink_interval_ms: rng.pick(&[20, 300, 1_000]),
            uplink_delay_max_ms: rng.pick(&[0, 20, 500]),
            uplink_fail: rate(rng, 80),
            uplink_missing: rate(rng, 30),
            tokens: Tokens::default(),
        };
        features.tokens = Tokens::draw(rng, features.shared_percent > 0);
        features
    }

    pub(super) fn heal(&mut self) {
        (self.resubscribe, self.reauth, self.kick, self.drain) = (0, 0, 0, 0);
        (self.auth_mute, self.uplink_fail, self.uplink_missing) = (0, 0, 0);
        self.uplink_delay_max_ms = self.uplink_delay_max_ms.min(2);
        let Tokens { secs_max, mute, upload, revoke, close, permit, .. } = &mut self.tokens;
        (*mute, *upload, *revoke, *close, *permit) = (0, 0, 0, 0, 0);
        *secs_max = FOR_EVER;
    }

    /// The classes of faults and areas that are on, by name.
    pub(super) fn names(&self, uplink: bool) -> Vec<&'static str> {
        let auth = self.auth_percent > 0;
        let tokens = &self.tokens;
        let has_tokens = tokens.are_there();
        let classes = [
            ("retain", self.retain > 0),
            ("subscribing again", self.resubscribe > 0),
            ("sharing", self.shared_percent > 0),
            ("method", auth),
            ("mute in AUTH", auth && self.auth_mute > 0),
            ("re-authentication", auth && self.reauth > 0),
            ("kick", self.kick > 0),
            ("drain", self.drain > 0),
            ("downlink", self.sources > 0),
            ("uplink failure", uplink && self.uplink_fail > 0),
            ("silent uplink", uplink && self.uplink_missing > 0),
            ("tokens", has_tokens),
            ("uploads", has_tokens && tokens.upload > 0),
            ("no credentials", has_tokens && tokens.legacy_percent > 0),
            ("revocation", has_tokens && tokens.revoke > 0),
            ("operator closes", has_tokens && tokens.close > 0),
            ("operator takes rights", has_tokens && tokens.permit > 0),
        ];
        classes.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect()
    }
}

/// Seconds that no run lasts.
pub(crate) const FOR_EVER: u64 = 1_000_000;

impl Tokens {
    /// Where connections end with their tokens, members of a group seldom owe what they were given: with groups there are tokens less often.
    fn draw(rng: &mut Rng, sharing: bool) -> Self {
        Self {
            granted: if sharing { rng.pick(&[0, 0, 0, 0, 0, 0, 300, 1_000]) } else { rng.pick(&[0, 0, 300, 1_000]) },
            secs_max: rng.pick(&[2, 6, 20, FOR_EVER]),
            upload: rate(rng, 150),
            same: rng.pick(&[0, 300]),
            legacy_percent: rng.pick(&[0, 50, 100]),
            mute: rate(rng, 200),
            revoke: rate(rng, 100),
            close: rate(rng, 60),
            permit: rate(rng, 80),
        }
    }

    /// Whether this run has any.
    pub(crate) const fn are_there(&self) -> bool {
        self.granted > 0
    }
}
