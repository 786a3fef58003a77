"""The product's Python SDKs against a gateway: `sdk.py SDK HOST:PORT ACCESS_KEY SECRET_KEY INSTANCE`.

One line for each case: `ok NAME`, or `failed NAME WHY`, separated by tabs. SDK is `core` (aliyun-python-sdk-onsmqtt, RPC with signature 1.0)
or `tea` (alibabacloud-onsmqtt20200420, ACS3).
"""

import json
import sys
import time

GROUP = "GID_Test"
RESOURCES = "TopicA/+,TopicB/#"


class Refused(Exception):
    """An error that the server answered: its code and its message as the SDK tells them."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Core:
    """aliyun-python-sdk-onsmqtt 1.0.5."""

    def __init__(self, address, access_key, secret_key):
        from aliyunsdkcore.client import AcsClient

        host, port = address.split(":")
        self.client = AcsClient(access_key, secret_key, "cn-hangzhou", port=int(port), auto_retry=False)
        self.client.add_endpoint("cn-hangzhou", "OnsMqtt", host)

    def call(self, action, **parameters):
        from aliyunsdkcore.acs_exception.exceptions import ServerException

        module = __import__(f"aliyunsdkonsmqtt.request.v20200420.{action}Request", fromlist=["x"])
        request = getattr(module, f"{action}Request")()
        for name, value in parameters.items():
            getattr(request, f"set_{name}")(value)
        try:
            return json.loads(self.client.do_action_with_exception(request))
        except ServerException as error:
            raise Refused(error.get_error_code(), error.get_error_msg()) from None


class Tea:
    """alibabacloud-onsmqtt20200420 1.7.1."""

    def __init__(self, address, access_key, secret_key):
        from alibabacloud_onsmqtt20200420.client import Client
        from alibabacloud_tea_openapi.models import Config

        config = Config(access_key_id=access_key, access_key_secret=secret_key, endpoint=address, protocol="HTTP")
        config.region_id = "cn-hangzhou"
        self.client = Client(config)

    def call(self, action, **parameters):
        from alibabacloud_onsmqtt20200420 import models
        from alibabacloud_tea_util.models import RuntimeOptions

        request = getattr(models, f"{action}Request")().from_map(parameters)
        name = "".join("_" + letter.lower() if letter.isupper() else letter for letter in action).lstrip("_")
        options = RuntimeOptions(autoretry=False)
        try:
            return getattr(self.client, f"{name}_with_options")(request, options).body.to_map()
        except Exception as error:
            if not hasattr(error, "code"):
                raise
            raise Refused(error.code, error.message) from None


def check(condition, why):
    if not condition:
        raise AssertionError(why)


def check_equal(what, actual, expected):
    check(actual == expected, f"{what}: expected {expected!r}, got {actual!r}")


def refused(code, call, *arguments, **parameters):
    try:
        answer = call(*arguments, **parameters)
    except Refused as error:
        check_equal("code", error.code, code)
        return error.message
    raise AssertionError(f"{arguments} was answered: {answer}")


class Cases:
    def __init__(self, sdk, instance, wrong, unknown):
        self.sdk = sdk
        self.instance = instance
        self.wrong = wrong
        self.unknown = unknown
        self.device = f"{GROUP}@@@sdk-{type(sdk).__name__}"

    def call(self, action, **parameters):
        answer = self.sdk.call(action, InstanceId=self.instance, **parameters)
        check_equal("length of RequestId", len(answer["RequestId"]), 36)
        return answer

    def tokens(self):
        """ApplyToken, QueryToken, RevokeToken."""
        soon = int(time.time() * 1000) + 3_600_000
        token = self.call("ApplyToken", Resources=RESOURCES, Actions="R,W", ExpireTime=soon)["Token"]
        check("|" not in token and "," not in token, "the token has a letter that passwords use")
        check_equal("status", self.call("QueryToken", Token=token)["TokenStatus"], True)
        check_equal("members", set(self.call("RevokeToken", Token=token)), {"RequestId"})
        check_equal("status", self.call("QueryToken", Token=token)["TokenStatus"], False)

    def device_credentials(self):
        """Register, Get, Refresh, UnRegister."""
        made = self.call("RegisterDeviceCredential", ClientId=self.device)["DeviceCredential"]
        keys = {"ClientId", "CreateTime", "DeviceAccessKeyId", "DeviceAccessKeySecret", "InstanceId", "UpdateTime"}
        check_equal("members", set(made), keys)
        check_equal("names", (made["ClientId"], made["InstanceId"]), (self.device, self.instance))
        check(made["DeviceAccessKeyId"].startswith("DC."), made["DeviceAccessKeyId"])
        check_equal("shown", self.call("GetDeviceCredential", ClientId=self.device)["DeviceCredential"], made)
        renewed = self.call("RefreshDeviceCredential", ClientId=self.device)["DeviceCredential"]
        check_equal("access key", renewed["DeviceAccessKeyId"], made["DeviceAccessKeyId"])
        check(renewed["DeviceAccessKeySecret"] != made["DeviceAccessKeySecret"], "the secret is the old one")
        check_equal("members", set(self.call("UnRegisterDeviceCredential", ClientId=self.device)), {"RequestId"})
        refused("ParameterCheckFailed", self.call, "GetDeviceCredential", ClientId=self.device)

    def errors(self):
        """What is wrong is told with the product's codes."""
        refused("MissingClientId", self.call, "GetDeviceCredential")
        refused("PermissionCheckFailed", self.call, "GetDeviceCredential", ClientId="GID_Foreign@@@1")
        refused("InstancePermissionCheckFailed", self.sdk.call, "QueryToken", InstanceId="mqtt-cn-none0001", Token="x")

    def unknown_access_key(self):
        refused("InvalidAccessKeyId.NotFound", self.unknown.call, "QueryToken", InstanceId=self.instance, Token="x")


class CoreCases(Cases):
    def wrong_secret(self):
        """The SDK compares the server's text with its own, finds it the same, and says that the secret is the wrong one."""
        code = "InvalidAccessKeySecret"
        text = refused(code, self.wrong.call, "QueryToken", InstanceId=self.instance, Token="x")
        check("AccessKeySecret is incorrect" in text, text)


class TeaCases(Cases):
    def wrong_secret(self):
        """The SDK hands on what the server says, with the text that was to be signed."""
        text = refused("SignatureDoesNotMatch", self.wrong.call, "QueryToken", InstanceId=self.instance, Token="x")
        check("server string to sign is:ACS3-HMAC-SHA256" in text, text)

    def list_of_devices(self):
        """ListDeviceCredentialClientId."""
        devices = [f"{self.device}-{number}" for number in range(3)]
        for device in devices:
            self.call("RegisterDeviceCredential", ClientId=device)
        found, token = [], None
        while True:
            asked = {"GroupId": GROUP, "PageSize": "2", "NextToken": token}
            page = self.call("ListDeviceCredentialClientId", **asked)["DeviceCredentialClientIdList"]
            found += page["ClientIdList"]
            token = page.get("NextToken")
            if not token:
                break
        check_equal("total", int(page["Total"]), len(found))
        check_equal("ids", [device for device in found if device in devices], devices)
        for device in devices:
            self.call("UnRegisterDeviceCredential", ClientId=device)

    def done(self, action, **parameters):
        answer = self.call(action, **parameters)
        check_equal(action, (answer["Code"], answer["Success"], answer["Message"]), (200, True, "success"))

    def custom_identities(self):
        """Add, Update, Query and Delete CustomAuthIdentity."""
        who = {"IdentityType": "USER", "Username": "sdk-user"}
        self.done("AddCustomAuthIdentity", **who, Secret="s1", SignMode="ORIGIN")
        self.done("UpdateCustomAuthIdentity", **who, Secret="s2", SignMode="SIGNED")
        results = self.call("QueryCustomAuthIdentity", **who, Size=100)["Data"]["Results"]
        check_equal("identities", results, [{**who, "Secret": "s2", "SignMode": "SIGNED"}])
        self.done("DeleteCustomAuthIdentity", **who)
        check_equal("left", self.call("QueryCustomAuthIdentity", **who, Size=100)["Data"]["Results"], [])

    def custom_permissions(self):
        """Add, Update, Query and Delete CustomAuthPermission."""
        what = {"IdentityType": "USER", "Identity": "sdk-user", "Topic": "TopicA/#"}
        self.done("AddCustomAuthPermission", **what, Effect="ALLOW", PermitAction="PUB_SUB")
        self.done("UpdateCustomAuthPermission", **what, Effect="DENY", PermitAction="SUB")
        results = self.call("QueryCustomAuthPermission", **what, Size=100)["Data"]["Results"]
        check_equal("permissions", results, [{**what, "Effect": "DENY", "PermitAction": "SUB"}])
        self.done("DeleteCustomAuthPermission", **what)

    def black_list(self):
        """Add, Query and Delete CustomAuthConnectBlack."""
        client = {"ClientId": f"{GROUP}@@@sdk-banned"}
        self.done("AddCustomAuthConnectBlack", **client)
        results = self.call("QueryCustomAuthConnectBlack", **client, Size=100)["Data"]["Results"]
        check_equal("black list", results, [{**client, "Effect": "DENY", "PermitAction": "CONNECT"}])
        self.done("DeleteCustomAuthConnectBlack", **client)


COMMON = ["tokens", "device_credentials", "errors", "wrong_secret", "unknown_access_key"]
TEA_ALONE = ["list_of_devices", "custom_identities", "custom_permissions", "black_list"]


def main():
    kind, address, access_key, secret_key, instance = sys.argv[1:]
    sdk, cases, names = {"core": (Core, CoreCases, COMMON), "tea": (Tea, TeaCases, COMMON + TEA_ALONE)}[kind]
    wrong, unknown = sdk(address, access_key, secret_key + "x"), sdk(address, "LTAI4Nobody", secret_key)
    all_cases = cases(sdk(address, access_key, secret_key), instance, wrong, unknown)
    for name in names:
        try:
            getattr(all_cases, name)()
        except Exception as error:
            print("failed", name, " ".join(repr(error).split()), sep="\t", flush=True)
        else:
            print("ok", name, sep="\t", flush=True)


main()
