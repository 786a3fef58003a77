// Drives MQTT.js over TCP, TLS, WebSocket and secure WebSocket, in MQTT 3.1, 3.1.1 and 5.0.
import { readFileSync } from "node:fs";
import mqtt from "mqtt";
import {
  connackPairs, connectProperties, disconnectOptions, messagePairs, publishOptions, subscribeOptions, will,
} from "./properties.mjs";
import { emit, pairsOf, serve } from "./protocol.mjs";

class Connection {
  constructor(name, options) {
    this.name = name;
    this.isV5 = options.version === 5;
    this.client = mqtt.connect(options.url, settings(options));
    this.client.on("connect", (connack) => this.connected(connack));
    this.client.on("error", (error) => this.failed(error));
    this.client.on("close", () => this.closed());
    this.client.on("disconnect", (packet) => { this.told = packet.reasonCode; });
    this.client.on("packetreceive", (packet) => this.received(packet));
    this.client.on("message", (topic, payload, packet) =>
      emit("message", name, topic, packet.qos, payload.toString("hex"), ...messagePairs(packet, this.alias)));
  }

  // What the library does not hand on: the alias of a message, and the reason code of an acknowledgement that is no error.
  received(packet) {
    this.alias = packet.properties?.topicAlias;
    if (packet.cmd === "puback" || packet.cmd === "pubcomp") this.code = packet.reasonCode ?? 0;
  }

  subscribe(filter, qos, ...words) {
    const options = this.isV5 ? subscribeOptions(qos, pairsOf(words)) : { qos: Number(qos) };
    this.client.subscribe(filter, options, (error, granted, packet) => {
      // A refused filter is reported as an error; before MQTT 5.0 the packet is only in the debug log.
      emit("subscribed", this.name, packet?.granted?.[0] ?? (error ? 128 : granted[0].qos));
    });
  }

  unsubscribe(filter) {
    this.client.unsubscribe(filter, (error, packet) => emit("unsubscribed", this.name, ...codes(packet?.granted)));
  }

  publish(topic, qos, payload, ...words) {
    const options = publishOptions(qos, pairsOf(words), this.isV5);
    this.client.publish(topic, Buffer.from(payload, "hex"), options, (error) => {
      if (error?.code > 127) emit("published", this.name, error.code);
      else if (!error) emit("published", this.name, ...(this.isV5 ? [options.qos > 0 ? this.code : 0] : []));
    });
  }

  disconnect(...words) {
    this.up = false;
    this.client.end(false, disconnectOptions(pairsOf(words)), () => emit("disconnected", this.name));
  }

  // The connection breaks, without DISCONNECT.
  drop() {
    this.up = false;
    this.client.stream.destroy();
    this.client.end(true, {}, () => emit("disconnected", this.name));
  }

  connected(connack) {
    this.up = true;
    emit("connected", this.name, connack.sessionPresent ? 1 : 0, ...connackPairs(connack.properties));
  }

  failed(error) {
    if (this.up) return;
    if (typeof error.code === "number") {
      emit("refused", this.name, error.code);
    } else {
      emit("failed", this.name, error.message);
    }
  }

  closed() {
    if (this.up) emit("lost", this.name, ...codes(this.told === undefined ? undefined : [this.told]));
    this.up = false;
  }
}

function codes(granted) {
  return granted === undefined ? [] : granted.slice(0, 1);
}

function settings(options) {
  const ca = options.ca ? readFileSync(options.ca) : undefined;
  const isV5 = options.version === 5;
  return {
    clientId: options.clientId,
    clean: options.clean,
    keepalive: options.keepAlive,
    protocolVersion: options.version,
    protocolId: options.version === 3 ? "MQIsdp" : "MQTT",
    username: options.user || undefined,
    password: options.user ? options.password : undefined,
    reconnectPeriod: 0,
    ca,
    wsOptions: { ca },
    will: will(options.pairs, isV5),
    properties: isV5 ? connectProperties(options.pairs) : undefined,
  };
}

await serve(Connection);
