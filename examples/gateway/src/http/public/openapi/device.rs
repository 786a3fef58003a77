//! Credentials of devices.

use lmq_model::openapi::{
    DeviceCredential, DeviceCredentialClientIds, DeviceCredentialReply, Done, GetDeviceCredential,
    ListDeviceCredentialClientId, ListDeviceCredentialClientIdReply, RefreshDeviceCredential, RegisterDeviceCredential,
    UnRegisterDeviceCredential,
};

use super::{call::Call, failure::Failure};
use crate::{
    http::public::Services,
    registry::{Device, Entry},
};

/// Client ids on a page.
const PAGE_MAX: u64 = 100;

/// Makes a credential; one that is there is shown, so that a call can be repeated.
pub(super) async fn register(
    services: &Services,
    call: &Call,
    ask: RegisterDeviceCredential,
) -> Result<DeviceCredentialReply, Failure> {
    call.instance(&ask.instance_id)?.own_client(&ask.client_id)?;
    let (instance, client) = (ask.instance_id.clone(), ask.client_id.clone());
    let entry = services
        .change(move |registry| {
            let snapshot = registry.snapshot();
            match snapshot.instance(&instance).and_then(|instance| instance.devices.get(&client)) {
                Some(entry) => Ok(entry.clone()),
                None => registry.create(&instance, &client, Device::random()?),
            }
        })
        .await?;
    Ok(reply(ask.instance_id, ask.client_id, &entry))
}

/// Shows a credential.
pub(super) async fn show(
    _services: &Services,
    call: &Call,
    ask: GetDeviceCredential,
) -> Result<DeviceCredentialReply, Failure> {
    let place = call.instance(&ask.instance_id)?;
    place.own_client(&ask.client_id)?;
    let missing = || Failure::Missing(format!("{:?} has no credential", ask.client_id));
    let entry = place.instance.devices.get(&ask.client_id).ok_or_else(missing)?;
    Ok(reply(ask.instance_id, ask.client_id.clone(), entry))
}

/// Gives a device another secret; its connection ends.
pub(super) async fn refresh(
    services: &Services,
    call: &Call,
    ask: RefreshDeviceCredential,
) -> Result<DeviceCredentialReply, Failure> {
    call.instance(&ask.instance_id)?.own_client(&ask.client_id)?;
    let (instance, client) = (ask.instance_id.clone(), ask.client_id.clone());
    let renew = move |registry: &crate::registry::Registry| registry.change(&instance, &client, Device::renewed);
    let entry = services.change(renew).await?;
    Ok(reply(ask.instance_id, ask.client_id, &entry))
}

/// Deletes a credential; the device's connection ends.
pub(super) async fn unregister(
    services: &Services,
    call: &Call,
    ask: UnRegisterDeviceCredential,
) -> Result<Done, Failure> {
    call.instance(&ask.instance_id)?.own_client(&ask.client_id)?;
    services.change(move |registry| registry.delete::<Device>(&ask.instance_id, &ask.client_id)).await?;
    Ok(Done {})
}

/// A page of the client ids of a group that have a credential.
pub(super) async fn list(
    _services: &Services,
    call: &Call,
    ask: ListDeviceCredentialClientId,
) -> Result<ListDeviceCredentialClientIdReply, Failure> {
    let place = call.instance(&ask.instance_id)?;
    place.own_group(&ask.group_id)?;
    if !(1..=PAGE_MAX).contains(&ask.page_size) {
        return Err(Failure::check(format!("PageSize must be from 1 to {PAGE_MAX}")));
    }
    let page_no = ask.page_no.unwrap_or(1).max(1);
    let size = ask.page_size as usize;
    // Ids of a group lie together: they begin with it.
    let prefix = format!("{}@@@", ask.group_id);
    let ids = || {
        let behind = place.instance.devices.after(&prefix);
        behind.map(|(id, _)| id).take_while(|id| id.starts_with(&prefix))
    };
    let total = ids().count();
    let mut from: Box<dyn Iterator<Item = _>> = match &ask.next_token {
        Some(token) if !token.starts_with(&prefix) => return Err(Failure::check("NextToken is none of ours")),
        Some(token) => Box::new(ids().skip_while(move |id| id.as_ref() <= token.as_str())),
        None => Box::new(ids().skip(usize::try_from(page_no - 1).unwrap_or(usize::MAX).saturating_mul(size))),
    };
    let client_id_list: Vec<_> = from.by_ref().take(size).map(|id| id.to_string()).collect();
    let next_token = client_id_list.last().filter(|_| from.next().is_some()).cloned();
    let device_credential_client_id_list = DeviceCredentialClientIds {
        client_id_list,
        next_token,
        page_no: page_no.to_string(),
        page_size: size.to_string(),
        total: total.to_string(),
    };
    Ok(ListDeviceCredentialClientIdReply { device_credential_client_id_list })
}

fn reply(instance_id: String, client_id: String, entry: &Entry<Device>) -> DeviceCredentialReply {
    let device_credential = DeviceCredential {
        client_id,
        create_time: entry.created_ms,
        device_access_key_id: entry.value.access_key.to_string(),
        device_access_key_secret: entry.value.secret_key.key().expose().into(),
        instance_id,
        update_time: entry.updated_ms,
    };
    DeviceCredentialReply { device_credential }
}
