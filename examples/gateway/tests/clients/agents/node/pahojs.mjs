// Drives Paho JavaScript, a browser library, over WebSocket and secure WebSocket.
import "./browser.mjs";
import Paho from "paho-mqtt";
import { emit, serve } from "./protocol.mjs";

class Connection {
  constructor(name, options) {
    this.name = name;
    globalThis.webSocketCa = options.ca;
    this.client = new Paho.Client(options.url, options.clientId);
    this.client.onConnectionLost = ({ errorCode }) => {
      if (errorCode !== 0) emit("lost", name);
    };
    this.client.onMessageArrived = (message) => this.arrived(message);
    this.client.onMessageDelivered = () => emit("published", name);
    this.client.connect({ ...settings(options), ...this.outcome() });
  }

  subscribe(filter, qos) {
    this.client.subscribe(filter, {
      qos: Number(qos),
      onSuccess: ({ grantedQos }) => emit("subscribed", this.name, grantedQos[0] ?? grantedQos),
      onFailure: () => emit("subscribed", this.name, 128),
    });
  }

  unsubscribe(filter) {
    this.client.unsubscribe(filter, { onSuccess: () => emit("unsubscribed", this.name) });
  }

  publish(topic, qos, payload) {
    this.client.send(topic, new Uint8Array(Buffer.from(payload, "hex")), Number(qos));
  }

  disconnect() {
    this.client.disconnect();
    emit("disconnected", this.name);
  }

  arrived(message) {
    const payload = Buffer.from(message.payloadBytes).toString("hex");
    emit("message", this.name, message.destinationName, message.qos, payload);
  }

  outcome() {
    return {
      onSuccess: () => emit("connected", this.name, "-"),
      onFailure: ({ errorMessage }) => {
        const refusal = /return code:(\d+)/.exec(errorMessage);
        if (refusal) emit("refused", this.name, refusal[1]);
        else emit("failed", this.name, errorMessage);
      },
    };
  }
}

function settings(options) {
  const credentials = options.user ? { userName: options.user, password: options.password } : {};
  return {
    cleanSession: options.clean,
    keepAliveInterval: options.keepAlive,
    mqttVersion: options.version,
    mqttVersionExplicit: true,
    ...credentials,
  };
}

await serve(Connection);
