//! From a CONNECT packet to a request that a shard can serve, or the reason why not.

use alloc::sync::Arc;
use core::time::Duration;

use bytes::Bytes;
use lmq_auth::Username;
use lmq_codec::{Connect, Frame, MessageProperties, Packet, Version};

pub(super) use crate::handoff::ConnectRequest as Request;
use crate::{
    ClientIds, ClientKey, CloseReason, InstanceIndex, Password, Profile, Refusal, Settings, Will, handoff::Changed,
    random::Random,
};

/// A CONNECT that does not get in.
pub(super) struct Refused {
    /// The version to answer in, as far as the bytes tell it.
    pub(super) version: Version,
    pub(super) reason: CloseReason,
}

/// `server_name` is that of the TLS handshake.
pub(super) fn read(
    frame: Frame<'_>,
    server_name: Option<&str>,
    settings: &Settings,
    random: &mut Random,
) -> Result<Request, Refused> {
    let connect = match Packet::decode(frame, Version::V3_1_1) {
        Ok(Packet::Connect(connect)) => connect,
        Ok(_) => return Err(Refused { version: Version::V3_1_1, reason: CloseReason::NotConnect }),
        Err(error) => {
            let version = error.version().unwrap_or(Version::V3_1_1);
            return Err(Refused { version, reason: CloseReason::Malformed(error) });
        }
    };
    accept(&connect, server_name, settings, random).map_err(|reason| Refused { version: connect.version, reason })
}

fn accept(
    connect: &Connect<'_>,
    server_name: Option<&str>,
    settings: &Settings,
    random: &mut Random,
) -> Result<Request, CloseReason> {
    let known = |method: &str| settings.profile.authentication_methods.iter().any(|known| **known == *method);
    if connect.properties.authentication_method().is_some_and(|method| !known(method)) {
        return Err(CloseReason::Refused(Refusal::AuthenticationMethod));
    }
    let instance = instance(connect, server_name, settings)?;
    let client_id = client_id(connect, settings, random)?;
    let keep_alive_secs = keep_alive_secs(connect, &settings.profile);
    let session_expiry = session_expiry(connect, settings);
    let asked = connect.properties.session_expiry_interval().unwrap_or(0);
    let v5 = connect.version.has_properties();
    Ok(Request {
        changed: Changed {
            keep_alive: v5 && keep_alive_secs != connect.keep_alive,
            session_expiry: v5 && session_expiry != asked,
            client_id: v5 && connect.client_id.is_empty(),
        },
        client: ClientKey { instance, client_id },
        version: connect.version,
        clean_start: connect.clean_start,
        session_expiry,
        keep_alive_secs,
        // [MQTT-3.3.4-7]: without a value, 65,535.
        receive_max: connect.properties.receive_maximum().map_or(u16::MAX, |max| max.get()),
        packet_bytes_max: connect.properties.maximum_packet_size().map_or(u32::MAX, |max| max.get()),
        topic_alias_max: connect.properties.topic_alias_maximum().unwrap_or(0),
        response_information: connect.properties.request_response_information().unwrap_or(false),
        problem_information: connect.properties.request_problem_information().unwrap_or(true),
        will: will(connect, settings)?,
        method: connect.properties.authentication_method().map(Into::into),
        data: connect.properties.authentication_data().map(Bytes::copy_from_slice),
        username: connect.username.map(Into::into),
        password: connect.password.map(Password::new),
        has_credentials: connect.username.is_some()
            || connect.password.is_some()
            || connect.properties.authentication_method().is_some(),
        tokens: alloc::vec::Vec::new(),
    })
}

/// The user name chooses, else the server name, else nobody and the first instance serves.
fn instance(
    connect: &Connect<'_>,
    server_name: Option<&str>,
    settings: &Settings,
) -> Result<InstanceIndex, CloseReason> {
    let username = connect.username.filter(|_| settings.profile.instance_in_username);
    let named = username.and_then(|username| Username::parse(username).ok()).and_then(|username| username.instance());
    if let Some(name) = named {
        return settings.instance(name).ok_or(CloseReason::Refused(Refusal::NotAuthorized));
    }
    let server_name = server_name.filter(|_| settings.profile.instance_in_server_name);
    Ok(server_name.and_then(|name| settings.instance_of_server(name)).unwrap_or_default())
}

fn client_id(connect: &Connect<'_>, settings: &Settings, random: &mut Random) -> Result<Arc<str>, CloseReason> {
    const REFUSED: CloseReason = CloseReason::Refused(Refusal::Identifier);
    if connect.client_id.is_empty() {
        // [MQTT-3.1.3-6] [MQTT-3.1.3-8]; MQTT 5.0 tells the client its id and lets it stay.
        let may = settings.profile.client_id_assigned && (connect.clean_start || connect.version.has_properties());
        return if may { Ok(random.client_id()) } else { Err(REFUSED) };
    }
    match settings.profile.client_ids {
        ClientIds::GroupAndDevice if lmq_id::ClientId::check(connect.client_id).is_err() => Err(REFUSED),
        _ => Ok(connect.client_id.into()),
    }
}

/// A client that asks for more than the profile's bound, or for none, gets the bound; one of MQTT 5.0 that asks for too little also.
fn keep_alive_secs(connect: &Connect<'_>, profile: &Profile) -> u16 {
    let secs = |span: Duration| u16::try_from(span.as_secs()).unwrap_or(u16::MAX).max(1);
    let asked = match (connect.keep_alive, profile.keep_alive_max) {
        (0, Some(max)) => secs(max),
        (asked, Some(max)) => asked.min(secs(max)),
        (asked, None) => asked,
    };
    match profile.keep_alive_min {
        Some(min) if connect.version.has_properties() && asked > 0 => asked.max(secs(min)),
        _ => asked,
    }
}

fn session_expiry(connect: &Connect<'_>, settings: &Settings) -> u32 {
    let asked = match connect.version {
        Version::V5_0 => connect.properties.session_expiry_interval().unwrap_or(0),
        _ if connect.clean_start => 0,
        _ => u32::MAX,
    };
    settings.profile.session_expiry(asked)
}

impl Profile {
    /// The time a session outlives its connection, in seconds, for the time a client asks for.
    pub(crate) fn session_expiry(&self, asked: u32) -> u32 {
        let secs = |span: Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        let max = self.session_expiry_max.map_or(u32::MAX, secs);
        if asked == 0 { 0 } else { asked.max(secs(self.session_expiry_min)).min(max) }
    }
}

fn will(connect: &Connect<'_>, settings: &Settings) -> Result<Option<Arc<Will>>, CloseReason> {
    let Some(will) = connect.will.filter(|_| settings.profile.wills) else {
        return Ok(None);
    };
    // [MQTT-3.2.2-13]
    if will.retain && connect.version.has_properties() && !settings.profile.retained_messages {
        return Err(CloseReason::Refused(Refusal::RetainNotSupported));
    }
    Ok(Some(Arc::new(Will {
        topic: will.topic.as_str().into(),
        payload: Bytes::copy_from_slice(will.payload),
        qos: will.qos,
        retain: will.retain,
        properties: MessageProperties::of(&will.properties).unwrap_or_default(),
        expiry_secs: will.properties.message_expiry_interval(),
        delay_secs: will.properties.will_delay_interval().unwrap_or(0),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stays_as_long_as_asked_within_the_bounds() {
        let mut profile = Profile::mqtt();
        assert_eq!([0, 1, u32::MAX].map(|asked| profile.session_expiry(asked)), [0, 1, u32::MAX]);
        profile.session_expiry_min = Duration::from_secs(600);
        profile.session_expiry_max = Some(Duration::from_secs(3600));
        assert_eq!([0, 1, 700, u32::MAX].map(|asked| profile.session_expiry(asked)), [0, 600, 700, 3600]);
    }
}
