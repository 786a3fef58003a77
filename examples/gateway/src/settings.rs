//! From the configuration to what the broker is built with.

use lmq_broker::{Instance, Limits, Profile, Settings};

use crate::config::{Config, ProfileName};

/// Default of the largest packet with profile `lmq`, in bytes: payloads above 64 KiB are discarded, packets above this close.
const LMQ_PACKET_BYTES_MAX: u32 = 256 * 1024;

/// `instances` are those of the start; without any there is one without name.
pub(crate) fn of(config: &Config, instances: Vec<Instance>) -> Settings {
    let mut profile = match config.profile {
        ProfileName::Lmq => Profile::lmq(),
        ProfileName::Mqtt => Profile::mqtt(),
    };
    if let Some(max) = config.limits.keep_alive_max {
        profile.keep_alive_max = Some(max);
    }
    if let Some(max) = config.limits.session_expiry_max {
        profile.session_expiry_max = Some(max);
    }
    if !instances.is_empty() {
        profile.instance_in_username = true;
        profile.instance_in_server_name = true;
    }
    let mut settings = Settings::new(profile, config.threads);
    settings.limits = limits(config);
    if !instances.is_empty() {
        settings.instances = instances;
    }
    settings
}

fn limits(config: &Config) -> Limits {
    let asked = &config.limits;
    let default = Limits::default();
    let packet_bytes_max = match config.profile {
        ProfileName::Lmq => LMQ_PACKET_BYTES_MAX,
        ProfileName::Mqtt => default.packet_bytes_max,
    };
    Limits {
        connections_max: asked.connections_max.unwrap_or(default.connections_max),
        sessions_max: asked.sessions_max.unwrap_or(default.sessions_max),
        handshakes_max: asked.handshakes_max.unwrap_or(default.handshakes_max),
        connects_per_sec_max: asked.connects_per_sec_max.or(default.connects_per_sec_max),
        connect_timeout: asked.connect_timeout.unwrap_or(default.connect_timeout),
        connect_bytes_max: asked.connect_bytes_max.unwrap_or(default.connect_bytes_max),
        packet_bytes_max: asked.packet_bytes_max.unwrap_or(packet_bytes_max),
        publishes_per_sec_max: asked.publishes_per_sec_max.or(default.publishes_per_sec_max),
        receive_max: asked.receive_max.unwrap_or(default.receive_max),
        topic_alias_max: asked.topic_alias_max.unwrap_or(default.topic_alias_max),
        subscriptions_max: asked.subscriptions_max.unwrap_or(default.subscriptions_max),
        inflight_max: asked.inflight_max.unwrap_or(default.inflight_max),
        queue_messages_max: asked.queue_messages_max.unwrap_or(default.queue_messages_max),
        queue_bytes_max: asked.queue_bytes_max.unwrap_or(default.queue_bytes_max),
        queues_bytes_max: asked.queues_bytes_max.unwrap_or(default.queues_bytes_max),
        retained_messages_max: asked.retained_messages_max.unwrap_or(default.retained_messages_max),
        retained_bytes_max: asked.retained_bytes_max.unwrap_or(default.retained_bytes_max),
        outbox_bytes_max: asked.outbox_bytes_max.unwrap_or(default.outbox_bytes_max),
        stall_max: asked.stall_max.unwrap_or(default.stall_max),
        pause_max: asked.pause_max.unwrap_or(default.pause_max),
        linger: asked.linger.unwrap_or(default.linger),
        ..default
    }
}
