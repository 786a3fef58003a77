//! From a CONNECT packet to a request that a shard can serve, or the reason why not.

use alloc::sync::Arc;

use lmq_auth::Username;
use lmq_codec::{Connect, Frame, Packet, Version};

pub(super) use crate::handoff::ConnectRequest as Request;
use crate::{ClientIds, ClientKey, CloseReason, InstanceIndex, Password, Refusal, Settings, random::Random};

pub(super) fn read(frame: Frame<'_>, settings: &Settings, random: &mut Random) -> Result<Request, CloseReason> {
    let connect = match Packet::decode(frame, Version::V3_1_1) {
        Ok(Packet::Connect(connect)) => connect,
        Ok(_) => return Err(CloseReason::NotConnect),
        Err(error) => return Err(CloseReason::Malformed(error)),
    };
    if connect.version > Version::V3_1_1 {
        return Err(CloseReason::Refused(Refusal::ProtocolVersion));
    }
    let instance = instance(&connect, settings)?;
    let client_id = client_id(&connect, settings, random)?;
    Ok(Request {
        client: ClientKey { instance, client_id },
        version: connect.version,
        clean_start: connect.clean_start,
        keep_alive_secs: keep_alive_secs(connect.keep_alive, settings),
        username: connect.username.map(Into::into),
        password: connect.password.map(Password::new),
    })
}

fn instance(connect: &Connect<'_>, settings: &Settings) -> Result<InstanceIndex, CloseReason> {
    if !settings.profile.instance_in_username {
        return Ok(InstanceIndex(0));
    }
    let named =
        connect.username.and_then(|username| Username::parse(username).ok()).and_then(|username| username.instance());
    match named {
        Some(name) => settings.instance(name).ok_or(CloseReason::Refused(Refusal::NotAuthorized)),
        None => Ok(InstanceIndex(0)),
    }
}

fn client_id(connect: &Connect<'_>, settings: &Settings, random: &mut Random) -> Result<Arc<str>, CloseReason> {
    const REFUSED: CloseReason = CloseReason::Refused(Refusal::Identifier);
    if connect.client_id.is_empty() {
        // [MQTT-3.1.3-6] [MQTT-3.1.3-8]
        let may = settings.profile.client_id_assigned && connect.clean_start;
        return if may { Ok(random.client_id()) } else { Err(REFUSED) };
    }
    match settings.profile.client_ids {
        ClientIds::GroupAndDevice if lmq_id::ClientId::check(connect.client_id).is_err() => Err(REFUSED),
        _ => Ok(connect.client_id.into()),
    }
}

/// A client that asks for more than the profile's bound, or for none, gets the bound.
fn keep_alive_secs(asked: u16, settings: &Settings) -> u16 {
    let Some(max) = settings.profile.keep_alive_max else {
        return asked;
    };
    let max = u16::try_from(max.as_secs()).unwrap_or(u16::MAX).max(1);
    if asked == 0 { max } else { asked.min(max) }
}
