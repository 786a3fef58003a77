//! Which actions there are.

use lmq_auth::request::OpenApiError;
use lmq_model::openapi::{Action, ONS_MQTT_VERSION};
use serde_json::Value;

use super::{call::Call, custom_auth as custom, device, failure::Failure, token};
use crate::http::public::{Services, rate::Rate};

/// Calls a second of each account, of the product's documents.
const CREDENTIALS: Rate = Rate { kind: "credentials", per_sec: 500 };
const TOKENS: Rate = Rate { kind: "tokens", per_sec: 100 };
const REVOKE: Rate = Rate { kind: "RevokeToken", per_sec: 5 };
/// They are silent about these.
const CUSTOM_AUTH: Rate = Rate { kind: "custom authentication", per_sec: 100 };

/// Carries out an action and gives its answer.
pub(super) async fn carry_out(services: &Services, call: Call) -> Result<Value, Failure> {
    if call.version() != ONS_MQTT_VERSION {
        return Err(OpenApiError::ApiNotFound.into());
    }
    let to = To { services, call };
    match to.call.action() {
        "ApplyToken" => to.run(Rate { kind: "ApplyToken", ..TOKENS }, token::apply).await,
        "QueryToken" => to.run(Rate { kind: "QueryToken", ..TOKENS }, token::query).await,
        "RevokeToken" => to.run(REVOKE, token::revoke).await,
        "RegisterDeviceCredential" => to.run(CREDENTIALS, device::register).await,
        "GetDeviceCredential" => to.run(CREDENTIALS, device::show).await,
        "RefreshDeviceCredential" => to.run(CREDENTIALS, device::refresh).await,
        "UnRegisterDeviceCredential" => to.run(CREDENTIALS, device::unregister).await,
        "ListDeviceCredentialClientId" => to.run(CREDENTIALS, device::list).await,
        "AddCustomAuthIdentity" => to.run(CUSTOM_AUTH, custom::add_identity).await,
        "UpdateCustomAuthIdentity" => to.run(CUSTOM_AUTH, custom::update_identity).await,
        "DeleteCustomAuthIdentity" => to.run(CUSTOM_AUTH, custom::delete_identity).await,
        "QueryCustomAuthIdentity" => to.run(CUSTOM_AUTH, custom::query_identities).await,
        "AddCustomAuthPermission" => to.run(CUSTOM_AUTH, custom::add_permission).await,
        "UpdateCustomAuthPermission" => to.run(CUSTOM_AUTH, custom::update_permission).await,
        "DeleteCustomAuthPermission" => to.run(CUSTOM_AUTH, custom::delete_permission).await,
        "QueryCustomAuthPermission" => to.run(CUSTOM_AUTH, custom::query_permissions).await,
        "AddCustomAuthConnectBlack" => to.run(CUSTOM_AUTH, custom::add_black).await,
        "DeleteCustomAuthConnectBlack" => to.run(CUSTOM_AUTH, custom::delete_black).await,
        "QueryCustomAuthConnectBlack" => to.run(CUSTOM_AUTH, custom::query_black).await,
        _ => Err(OpenApiError::ApiNotFound.into()),
    }
}

struct To<'a> {
    services: &'a Services,
    call: Call,
}

impl To<'_> {
    async fn run<A: Action>(
        &self,
        rate: Rate,
        act: impl AsyncFnOnce(&Services, &Call, A) -> Result<A::Answer, Failure>,
    ) -> Result<Value, Failure> {
        if !self.services.allows(self.call.account(), rate) {
            return Err(OpenApiError::Throttled.into());
        }
        let answer = act(self.services, &self.call, self.call.read()?).await?;
        serde_json::to_value(answer).map_err(|_| Failure::Internal)
    }
}
