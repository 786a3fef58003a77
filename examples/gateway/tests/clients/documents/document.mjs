// The SDK calls of the product manual's JavaScript page, with the manual's parameters and its library, mqttws31.js.
import "./browser.mjs";
import "paho-mqtt-document/mqttws31.js";
import { sign } from "./protocol.mjs";

const { Client, Message } = globalThis.Paho.MQTT;
const { LMQ_HOST, LMQ_PORT, LMQ_TOPIC, LMQ_CLIENT_ID, LMQ_ACCESS_KEY, LMQ_SECRET_KEY, LMQ_CA } = process.env;

globalThis.webSocketCa = LMQ_CA;

const client = new Client(LMQ_HOST, Number(LMQ_PORT), LMQ_CLIENT_ID);

client.onConnectionLost = (response) => console.log("lost", response.errorMessage);
client.onMessageArrived = (message) => console.log("arrived", message.destinationName, message.payloadString);

client.connect({
  timeout: 3,
  mqttVersion: 4,
  userName: LMQ_ACCESS_KEY,
  // The manual signs the group with the secret and uses the access key as user name.
  password: sign(LMQ_SECRET_KEY, LMQ_CLIENT_ID.split("@@@")[0]),
  useSSL: Boolean(LMQ_CA),
  onSuccess: () => {
    console.log("connected");
    client.subscribe(LMQ_TOPIC, { qos: 0 });
    const message = new Message("Hello mqtt!!");
    message.destinationName = LMQ_TOPIC;
    client.send(message);
  },
  onFailure: (failure) => console.log("failed", failure.errorMessage),
});
