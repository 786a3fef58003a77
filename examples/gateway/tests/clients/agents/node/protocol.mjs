// The line protocol described in ../README.md, shared by both JavaScript agents.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";

export function emit(...fields) {
  process.stdout.write(fields.join("\t") + "\n");
}

export function sign(secret, text) {
  return createHmac("sha1", secret).update(text).digest("base64");
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

function options([url, clientId, clean, keepAlive, version, user, password, secret, text, ca]) {
  return {
    url,
    clientId,
    clean: clean === "1",
    keepAlive: Number(keepAlive),
    version: Number(version),
    user,
    password: secret ? sign(secret, text) : password,
    ca,
  };
}
