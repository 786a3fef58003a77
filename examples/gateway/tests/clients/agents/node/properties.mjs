// Pairs `key=value` of the line protocol, and the properties of MQTT.js that they stand for.

const CONNECT = {
  "session-expiry": "sessionExpiryInterval",
  "receive-max": "receiveMaximum",
  "packet-max": "maximumPacketSize",
  "alias-max": "topicAliasMaximum",
  "auth-method": "authenticationMethod",
};
const CONNACK = {
  ...CONNECT,
  id: "assignedClientIdentifier",
  "keep-alive": "serverKeepAlive",
  retain: "retainAvailable",
  shared: "sharedSubscriptionAvailable",
};
const MESSAGE = {
  "content-type": "contentType",
  correlation: "correlationData",
  expiry: "messageExpiryInterval",
  format: "payloadFormatIndicator",
  "response-topic": "responseTopic",
};
const TEXTS = ["auth-method", "content-type", "response-topic"];

export function connectProperties(pairs) {
  return properties(pairs, CONNECT);
}

export function will(pairs, isV5) {
  if (!("will-topic" in pairs)) return undefined;
  return {
    topic: pairs["will-topic"],
    payload: Buffer.from(pairs["will-payload"], "hex"),
    qos: Number(pairs["will-qos"] ?? 0),
    retain: "will-retain" in pairs,
    properties: isV5 ? properties(pairs, { "will-delay": "willDelayInterval", "will-expiry": "messageExpiryInterval" }) : undefined,
  };
}

export function subscribeOptions(qos, pairs) {
  return {
    qos: Number(qos),
    nl: "no-local" in pairs,
    rap: "retain-as-published" in pairs,
    rh: Number(pairs["retain-handling"] ?? 0),
    properties: "id" in pairs ? { subscriptionIdentifier: Number(pairs.id) } : undefined,
  };
}

export function publishOptions(qos, pairs, isV5) {
  const options = { qos: Number(qos), retain: "retain" in pairs };
  return isV5 ? { ...options, properties: properties(pairs, { ...MESSAGE, alias: "topicAlias" }) } : options;
}

export function disconnectOptions(pairs) {
  if (Object.keys(pairs).length === 0) return {};
  return {
    reasonCode: Number(pairs.reason ?? 0),
    properties: properties(pairs, { "session-expiry": "sessionExpiryInterval" }),
  };
}

export function connackPairs(found) {
  return pairsFrom(found ?? {}, CONNACK);
}

export function messagePairs(packet, alias) {
  const found = packet.properties ?? {};
  const ids = [found.subscriptionIdentifier ?? []].flat();
  return [
    ...pairsFrom(found, MESSAGE),
    ...Object.entries(found.userProperties ?? {})
      .flatMap(([key, values]) => [values].flat().map((value) => `user=${key}:${value}`)),
    ...(ids.length > 0 ? [`ids=${ids.sort((a, b) => a - b)}`] : []),
    ...(packet.retain ? ["retain=1"] : []),
    ...(alias === undefined ? [] : [`alias=${alias}`]),
  ];
}

function properties(pairs, names) {
  const found = {};
  for (const [key, name] of Object.entries(names)) {
    if (key in pairs) found[name] = value(key, pairs[key]);
  }
  if (pairs.user?.length > 0) found.userProperties = users(pairs.user);
  return found;
}

function users(list) {
  const found = {};
  for (const [key, text] of list) found[key] = key in found ? [found[key], text].flat() : text;
  return found;
}

function value(key, text) {
  if (key === "correlation") return Buffer.from(text, "hex");
  if (key === "format") return text === "1";
  return TEXTS.includes(key) ? text : Number(text);
}

function pairsFrom(found, names) {
  return Object.entries(names)
    .filter(([, name]) => found[name] !== undefined)
    .map(([key, name]) => `${key}=${shown(found[name])}`);
}

function shown(value) {
  if (typeof value === "boolean") return Number(value);
  return Buffer.isBuffer(value) ? value.toString("hex") : value;
}
