//! The settings of the broker in a run.

use lmq_broker::{Profile, Settings};

use crate::{options::Options, wire::METHOD};

/// Seconds before its end that a token is announced to end.
pub(super) const TOKEN_NOTICE_SECS: u64 = 3;

pub(super) fn client_id(options: &Options, at: usize) -> String {
    if options.lmq { format!("GID_Sim@@@{at:04}") } else { format!("client-{at}") }
}

pub(super) fn settings(options: &Options) -> Settings {
    let mut profile = if options.lmq { Profile::lmq() } else { Profile::mqtt() };
    // A minute is longer than most runs.
    (profile.keep_alive_min, profile.session_expiry_min) = (None, std::time::Duration::ZERO);
    let features = &options.features;
    profile.retained_messages |= features.retain > 0;
    profile.shared_subscriptions |= features.shared_percent > 0;
    profile.control_topics |= features.tokens.are_there();
    profile.authentication_methods = vec![METHOD.into()];
    let mut settings = Settings::new(profile, options.shards);
    settings.instances[0].parent_topics = vec!["sim".into()];
    settings.instances[0].uplink = options.uplink;
    settings.instances[0].awaits_tokens = features.tokens.are_there();
    let limits = &mut settings.limits;
    let small = &options.limits;
    limits.handshakes_max = 64;
    limits.connect_timeout = secs(5);
    (limits.stall_max, limits.pause_max) = (secs(8), secs(8));
    (limits.effect_timeout, limits.linger) = (secs(6), secs(1));
    (limits.token_notice, limits.token_wait) = (secs(TOKEN_NOTICE_SECS), secs(5));
    limits.inflight_max = small.inflight_max;
    limits.outbox_bytes_max = small.outbox_bytes_max;
    limits.queue_messages_max = small.queue_messages_max;
    limits.retained_messages_max = features.retained_max;
    limits.link_messages_max = small.link_messages_max;
    limits.replies_max = small.replies_max;
    limits.work_per_call_max = small.work_per_call_max;
    limits.deliveries_per_call_max = small.deliveries_per_call_max;
    limits.shared_payload_bytes_min = small.shared_payload_bytes_min;
    settings
}

const fn secs(secs: u64) -> std::time::Duration {
    std::time::Duration::from_secs(secs)
}
