// `@alicloud/pop-core` against a gateway: `popcore.mjs HOST:PORT ACCESS_KEY SECRET_KEY INSTANCE`.
// One line for each case: `ok NAME`, or `failed NAME WHY`, separated by tabs.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import PopCore from "@alicloud/pop-core";

const [address, accessKeyId, accessKeySecret, instance] = process.argv.slice(2);
const apiVersion = "2020-04-20";
const GET = { method: "GET", timeout: 10000 };
// Everything in a form.
const POST = { method: "POST", timeout: 10000 };

const client = (id, secret) =>
  new PopCore.RPCClient({ accessKeyId: id, accessKeySecret: secret, endpoint: `http://${address}`, apiVersion });

const pop = client(accessKeyId, accessKeySecret);
const call = async (action, parameters, options = POST) => {
  const answer = await pop.request(action, { InstanceId: instance, ...parameters }, options);
  assert.equal(answer.RequestId.length, 36);
  return answer;
};

async function refused(code, promise) {
  const error = await promise.then((answer) => assert.fail(`answered: ${JSON.stringify(answer)}`), (error) => error);
  assert.equal(error.code, code, error.message);
  return error.message;
}

const cases = {
  async tokens() {
    const asked = { Resources: "TopicA/+,TopicB/#", Actions: "R,W", ExpireTime: Date.now() + 3600000 };
    for (const options of [GET, POST]) {
      const { Token } = await call("ApplyToken", asked, options);
      assert.match(Token, /^[^|,]+$/);
      assert.equal((await call("QueryToken", { Token }, options)).TokenStatus, true);
      assert.deepEqual(Object.keys(await call("RevokeToken", { Token }, options)), ["RequestId"]);
      assert.equal((await call("QueryToken", { Token }, options)).TokenStatus, false);
    }
  },
  async device_credentials() {
    const ClientId = "GID_Test@@@sdk-popcore";
    const { DeviceCredential: made } = await call("RegisterDeviceCredential", { ClientId });
    assert.deepEqual([made.ClientId, made.InstanceId], [ClientId, instance]);
    const { DeviceCredential: shown } = await call("GetDeviceCredential", { ClientId }, GET);
    assert.deepEqual(shown, made);
    const { DeviceCredential: renewed } = await call("RefreshDeviceCredential", { ClientId });
    assert.notEqual(renewed.DeviceAccessKeySecret, made.DeviceAccessKeySecret);
    const list = { GroupId: "GID_Test", PageSize: 100 };
    const { DeviceCredentialClientIdList: page } = await call("ListDeviceCredentialClientId", list);
    assert.ok(page.ClientIdList.includes(ClientId));
    await call("UnRegisterDeviceCredential", { ClientId });
    await refused("ParameterCheckFailed", call("GetDeviceCredential", { ClientId }, GET));
  },
  async custom_authentication() {
    const who = { IdentityType: "USER", Username: "pop user & co" };
    const added = await call("AddCustomAuthIdentity", { ...who, Secret: "a+b/c=", SignMode: "ORIGIN" });
    assert.deepEqual([added.Code, added.Success, added.Message], [200, true, "success"]);
    const { Data } = await call("QueryCustomAuthIdentity", { ...who, Size: 100 }, GET);
    const expected = [{ IdentityType: "USER", Secret: "a+b/c=", SignMode: "ORIGIN", Username: who.Username }];
    // The SDK makes objects without prototype.
    assert.deepEqual(JSON.parse(JSON.stringify(Data.Results)), expected);
    await call("DeleteCustomAuthIdentity", who);
  },
  // As the product's sample does, with the runtime's own multipart/form-data.
  async token_server_multipart() {
    const signed = { actions: "R,W", expireTime: String(Date.now() + 3600000), instanceId: instance, resources: "TopicA/+,TopicB/#", serviceName: "mq" };
    const text = Object.keys(signed).sort().map((key) => `${key}=${signed[key]}`).join("&");
    const signature = createHmac("sha1", accessKeySecret).update(text).digest("base64");
    const form = new FormData();
    for (const [key, value] of Object.entries({ ...signed, accessKey: accessKeyId, proxyType: "MQTT", signature })) {
      form.append(key, value);
    }
    const response = await fetch(`http://${address}/token/apply`, { method: "POST", body: form });
    const answer = await response.json();
    assert.deepEqual([response.status, answer.success, answer.code, answer.message], [200, true, 200, "success"]);
    assert.match(answer.tokenData, /^[^|,]+$/);
  },
  async errors() {
    const message = await refused("MissingToken", call("QueryToken", {}));
    assert.match(message, /Token is mandatory/);
    await refused("InvalidApi.NotFound", call("NoSuchAction", {}));
  },
  async wrong_secret() {
    const wrong = client(accessKeyId, `${accessKeySecret}x`);
    const message = await refused("SignatureDoesNotMatch", wrong.request("QueryToken", { InstanceId: instance, Token: "x" }, POST));
    assert.match(message, /not matched with our calculation\. server string to sign is:POST&%2F&AccessKeyId/);
  },
  async unknown_access_key() {
    const unknown = client("LTAI4Nobody", accessKeySecret);
    await refused("InvalidAccessKeyId.NotFound", unknown.request("QueryToken", { InstanceId: instance, Token: "x" }, GET));
  },
};

for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
    console.log(`ok\t${name}`);
  } catch (error) {
    console.log(`failed\t${name}\t${String(error).replace(/\s+/g, " ")}`);
  }
}
