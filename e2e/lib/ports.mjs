import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/// Below those that systems give out by themselves, so that nobody else comes by one in the meantime.
const [FIRST, COUNT] = [20_000, 12_000];
const given = new Set();

/// A base URL nobody listens on yet, and that is given once: the provider must know it before the app starts.
export async function freeUrl() {
  for (;;) {
    const port = FIRST + randomInt(COUNT);
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return `http://127.0.0.1:${port}`;
    }
  }
}

async function isFree(port) {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
