// The part of a browser that Paho JavaScript needs: window, WebSocket and localStorage.
import { readFileSync } from "node:fs";
import WebSocket from "ws";

class BrowserSocket extends WebSocket {
  constructor(url, protocols) {
    const ca = globalThis.webSocketCa;
    super(url, protocols, ca ? { ca: readFileSync(ca) } : {});
  }
}

class Storage {
  items = new Map();

  getItem(key) {
    return this.items.get(key) ?? null;
  }

  setItem(key, value) {
    this.items.set(key, String(value));
  }

  removeItem(key) {
    this.items.delete(key);
  }
}

globalThis.window = globalThis;
globalThis.WebSocket = BrowserSocket;
globalThis.localStorage = new Storage();
