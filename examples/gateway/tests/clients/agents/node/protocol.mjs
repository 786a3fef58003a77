// The line protocol described in ../README.md, shared by both JavaScript agents.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";

export function emit(...fields) {
  process.stdout.write(fields.join("\t") + "\n");
}

export function sign(secret, text) {
  return createHmac("sha1", secret).update(text).digest("base64");
}

// What may stand there more than once is a list.
export function pairsOf(words) {
  const pairs = {};
  for (const word of words) {
    const at = word.indexOf("=");
    const [key, value] = [word.slice(0, at), word.slice(at + 1)];
    if (key === "user") {
      const colon = value.indexOf(":");
      (pairs.user ??= []).push([value.slice(0, colon), value.slice(colon + 1)]);
    } else {
      pairs[key] = value;
    }
  }
  return pairs;
}

export async function serve(Connection) {
  const connections = new Map();
  for await (const line of createInterface({ input: process.stdin })) {
    const [operation, name, ...fields] = line.split("\t");
    try {
      if (operation === "connect") {
        connections.set(name, new Connection(name, options(fields)));
      } else {
        connections.get(name)[operation](...fields);
      }
    } catch (error) {
      emit("failed", name, error.message);
    }
  }
  process.exit(0);
}

function options([url, clientId, clean, keepAlive, version, user, password, secret, text, ca, ...words]) {
  return {
    url,
    clientId,
    clean: clean === "1",
    keepAlive: Number(keepAlive),
    version: Number(version),
    user,
    password: secret ? sign(secret, text) : password,
    ca,
    pairs: pairsOf(words),
  };
}
