//! `DeviceCredential|<device access key>|<instance>`: the device signs with a secret of its own.

use lmq_auth::{Permissions, Signed};
use lmq_broker::{Grant, Refusal};

use super::{answer::No, ask::Ask};

/// The credential has to be that of exactly this client. It may do all that its group's account may.
pub(super) fn decide(ask: &Ask<'_>, signed: &Signed<'_>) -> Result<Grant, No> {
    let client = ask.client()?;
    let known = ask.instance.devices.get(ask.client_id);
    let known = known.filter(|device| *device.value.access_key == *signed.access_key());
    let verified = signed.verify(known.map(|device| device.value.secret_key.key()), client).is_ok();
    let device = known.filter(|_| verified).ok_or(Refusal::Credentials)?;
    ask.check_group()?;
    Ok(Grant::new(Permissions::everything()).of_principal(device.principal))
}
