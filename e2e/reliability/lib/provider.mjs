// A provider that serves metadata and keys, and misbehaves on demand. It counts whatever reaches it.
import { createServer } from "node:http";
import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { newKey, token, tokens } from "./tokens.mjs";

const MIB = 1024 * 1024;
const BIG = 256 * MIB;
const BLANKS = Buffer.alloc(MIB, " ");
const open = new Set();

export class Provider {
  /// What is wrong with each document: the name of a function in `FAULTS`.
  faults = { metadata: null, keys: null };
  /// `{ at, what }`: requests for `metadata` and `keys`, and what came while the provider was `down`.
  fetches = [];
  /// Answers with keys wait for this.
  gate = Promise.resolve();
  maxAge = 600;
  isDown = false;
  keys = [newKey()];
  #sockets = new Set();
  #timers = new Set();
  #server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => this.#answer(request, response));

  static async start() {
    const provider = new Provider();
    provider.#server.on("connection", (socket) => provider.#connected(socket));
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    provider.issuer = `http://127.0.0.1:${provider.#server.address().port}`;
    provider.jwksUri = `${provider.issuer}/jwks`;
    open.add(provider);
    return provider;
  }

  static stopAll() {
    open.forEach((provider) => provider.stop());
  }

  stop() {
    this.#hangUp();
    this.#server.close();
    open.delete(this);
  }

  /// Down: each connection is reset as soon as it is made, so that attempts can be counted.
  down() {
    this.isDown = true;
    this.#hangUp();
  }

  up() {
    this.isDown = false;
  }

  /// Ends what a fault has left behind.
  recover() {
    this.faults = { metadata: null, keys: null };
    this.#hangUp();
  }

  /// A new key signs from now on; the ones before stay published.
  rotate() {
    this.keys.push(newKey());
    return this.key;
  }

  get key() {
    return this.keys.at(-1);
  }

  token() {
    return token(this.issuer, this.key);
  }

  tokens() {
    return tokens(this.issuer, this.key);
  }

  count(what, since = 0) {
    return this.fetches.filter((fetch) => (!what || fetch.what === what) && fetch.at >= since).length;
  }

  /// The most fetches within any minute from then on.
  worstMinute(since) {
    const times = this.fetches.map((fetch) => fetch.at).filter((at) => at >= since);
    return Math.max(0, ...times.map((start) => times.filter((at) => at >= start && at < start + 60_000).length));
  }

  keySet() {
    return JSON.stringify({ keys: this.keys.map((key) => key.jwk) });
  }

  metadata() {
    return JSON.stringify({
      issuer: this.issuer,
      jwks_uri: this.jwksUri,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
    });
  }

  every(milliseconds, work) {
    const timer = setInterval(work, milliseconds);
    this.#timers.add(timer);
    return () => clearInterval(timer);
  }

  #connected(socket) {
    if (this.isDown) {
      this.#record("down");
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
  }

  #hangUp() {
    this.#timers.forEach(clearInterval);
    this.#timers.clear();
    this.#sockets.forEach((socket) => socket.destroy());
  }

  #record(what) {
    this.fetches.push({ at: performance.now(), what });
  }

  #answer(request, response) {
    response.on("error", () => {});
    // jwt-authorizer adds a query.
    const what = { "/.well-known/openid-configuration": "metadata", "/jwks": "keys" }[request.url.split("?")[0]];
    if (!what) return response.writeHead(404).end();
    this.#record(what);
    const body = what === "keys" ? this.keySet() : this.metadata();
    const fault = FAULTS[this.faults[what]] ?? send;
    if (what === "metadata") fault(response, body, this);
    else this.gate.then(() => fault(response, body, this));
  }
}

function send(response, body, provider, headers = {}) {
  const caching = { "cache-control": `max-age=${provider.maxAge}` };
  const length = { "content-length": Buffer.byteLength(body) };
  response.writeHead(200, { "content-type": "application/json", ...caching, ...length, ...headers }).end(body);
}

const FAULTS = {
  hang() {},

  /// One byte in 200 ms.
  drip(response, body, provider) {
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
    let sent = 0;
    const stop = provider.every(200, () => response.write(body[sent++] ?? ""));
    response.on("close", stop);
  },

  /// The right answer behind 256 MiB of blanks, without a length that would give it away.
  big(response, body) {
    response.writeHead(200, { "content-type": "application/json" });
    let left = BIG / MIB;
    const push = () => {
      while (left > 0 && !response.destroyed) {
        left -= 1;
        if (!response.write(BLANKS)) return response.once("drain", push);
      }
      if (!response.destroyed) response.end(body);
    };
    push();
  },

  /// The same, packed into 256 KiB.
  bomb(response, body, provider) {
    send(response, bomb(body), provider, { "content-encoding": "gzip" });
  },

  empty: (response, _, provider) => send(response, '{"keys":[]}', provider),
  html: (response, _, provider) => send(response, "<!doctype html><title>Sorry</title>", provider, { "content-type": "text/html" }),
  truncated: (response, body, provider) => send(response, body.slice(0, -20), provider),
  wrongIssuer: (response, body, provider) => send(response, body.replace(provider.issuer, "http://127.0.0.1:1"), provider),

  /// The right keys behind 10,000 others.
  manyKeys(response, body, provider) {
    const { keys } = JSON.parse(body);
    const others = Array.from({ length: 10_000 }, (_, index) => ({ ...keys[0], kid: `other-${index}` }));
    send(response, JSON.stringify({ keys: [...others, ...keys] }), provider);
  },
};

const packed = new Map();

function bomb(body) {
  if (!packed.has(body)) packed.set(body, gzipSync(Buffer.concat([Buffer.alloc(BIG, " "), Buffer.from(body)])));
  return packed.get(body);
}

/// Packing takes a second, which is not the contender's.
export function prepareBomb(provider) {
  bomb(provider.keySet());
}
