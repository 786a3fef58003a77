// Drives MQTT.js over TCP, TLS, WebSocket and secure WebSocket.
import { readFileSync } from "node:fs";
import mqtt from "mqtt";
import { emit, serve } from "./protocol.mjs";

class Connection {
  constructor(name, options) {
    this.name = name;
    this.client = mqtt.connect(options.url, settings(options));
    this.client.on("connect", (connack) => this.connected(connack));
    this.client.on("error", (error) => this.failed(error));
    this.client.on("close", () => this.closed());
    this.client.on("message", (topic, payload, packet) =>
      emit("message", name, topic, packet.qos, payload.toString("hex")));
  }

  subscribe(filter, qos) {
    this.client.subscribe(filter, { qos: Number(qos) }, (error, granted) => {
      // A refused filter is reported as an error; the packet is only in the debug log.
      emit("subscribed", this.name, error ? 128 : granted[0].qos);
    });
  }

  unsubscribe(filter) {
    this.client.unsubscribe(filter, () => emit("unsubscribed", this.name));
  }

  publish(topic, qos, payload) {
    this.client.publish(topic, Buffer.from(payload, "hex"), { qos: Number(qos) }, (error) => {
      if (!error) emit("published", this.name);
    });
  }

  disconnect() {
    this.up = false;
    this.client.end(false, {}, () => emit("disconnected", this.name));
  }

  connected(connack) {
    this.up = true;
    emit("connected", this.name, connack.sessionPresent ? 1 : 0);
  }

  failed(error) {
    if (typeof error.code === "number") {
      emit("refused", this.name, error.code);
    } else {
      emit("failed", this.name, error.message);
    }
  }

  closed() {
    if (this.up) emit("lost", this.name);
    this.up = false;
  }
}

function settings(options) {
  const ca = options.ca ? readFileSync(options.ca) : undefined;
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
  };
}

await serve(Connection);
