// Socket.IO by its own client: who reaches a namespace, and until when.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { io } from "socket.io-client";
import { freeUrl, startServer } from "./lib/examples.mjs";
import { signInByHttp } from "./lib/http.mjs";
import { SECRET, clientId, startProvider } from "./lib/provider.mjs";
import { signIn, stage } from "./lib/stage.mjs";

const CLIENT = clientId("basic");
const TRANSPORTS = { websocket: ["websocket"], polling: ["polling"], upgrade: ["polling", "websocket"] };
const CLIENT_SCRIPT = new URL("node_modules/socket.io-client/dist/socket.io.min.js", import.meta.url).pathname;

let url, idp, app;
before(async () => {
  url = await freeUrl();
  idp = await startProvider({ appUrls: [url], signedIn: true, backChannel: `${url}/backchannel-logout` });
  app = await start(url, { OIDC_QUERY_TOKEN: "1" });
}, { timeout: 30_000 });
after(async () => {
  await app.stop();
  await idp.stop();
});

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  test(`${name}: a token or a session reaches the namespace`, { timeout: 60_000 }, async (t) => {
    const token = issue();
    const cookie = (await signInByHttp(url)).cookie();
    const ways = {
      payload: { auth: { token } },
      header: { extraHeaders: { authorization: `Bearer ${token}` } },
      query: { query: { access_token: token } },
      cookie: { extraHeaders: { cookie, origin: url } },
    };
    for (const [way, options] of Object.entries(ways)) {
      const socket = await connect(t, { transports, ...options });
      if (name === "upgrade" && socket.io.engine.transport.name !== "websocket") await once(socket.io.engine, "upgrade");
      assert.equal(socket.io.engine.transport.name, name === "polling" ? "polling" : "websocket", way);
      assert.equal((await ask(socket, "whoami")).sub, "ada", way);
      assert.deepEqual(await ask(socket, "echo", { said: "hello" }), { said: "hello" }, way);
    }
  });

  test(`${name}: a refusal says why`, { timeout: 60_000 }, async (t) => {
    const good = issue();
    const cookie = (await signInByHttp(url)).cookie();
    const [head, payload] = good.split(".");
    for (const [code, options] of [
      ["no_credentials", {}],
      ["malformed", { auth: { token: "a.b.c" } }],
      ["malformed", { auth: { token: { not: "text" } } }],
      ["bad_signature", { auth: { token: `${head}.${payload}.${"A".repeat(342)}` } }],
      ["expired", { auth: { token: issue({ seconds: -1 }) } }],
      ["invalid_request", { auth: { token: good }, extraHeaders: { authorization: `Bearer ${good}` } }],
      ["origin_mismatch", { extraHeaders: { cookie } }],
      ["origin_mismatch", { extraHeaders: { cookie, origin: "http://evil.example" } }],
    ]) {
      await assert.rejects(connect(t, { transports, ...options }), { message: code }, code);
    }
  });
}

test("a token in the query is nothing where that is not configured", { timeout: 30_000 }, async (t) => {
  const other = await freeUrl();
  const server = await start(other, {});
  t.after(() => server.stop());
  await assert.rejects(connect(t, { query: { access_token: issue() } }, other), { message: "no_credentials" });
});

test("w07_ a socket ends with its token, and says so before", { timeout: 30_000 }, async (t) => {
  for (const transports of [TRANSPORTS.websocket, TRANSPORTS.polling]) {
    const token = issue({ seconds: 3 });
    const socket = await connect(t, { transports, auth: { token } });
    const heard = ["expiring", "ended", "disconnect"].map((event) => once(socket, event));
    const [{ exp }] = await heard[0];
    assert.equal(exp, claimsOf(token).exp);
    assert.ok(Date.now() < exp * 1000, "before the end");
    const [[{ code }], [reason]] = await Promise.all(heard.slice(1));
    assert.deepEqual([code, reason], ["expired", "io server disconnect"]);
    const late = Date.now() - exp * 1000;
    assert.ok(late >= 0 && late < 1000, `${late} ms after the end`);
  }
});

test("a fresh token lets a socket go on", { timeout: 30_000 }, async (t) => {
  const socket = await connect(t, { auth: { token: issue({ seconds: 3 }) } });
  await once(socket, "expiring");
  assert.deepEqual(await ask(socket, "reauth", { token: "a.b.c" }), { ok: false, code: "malformed" });
  const fresh = issue({ seconds: 6 });
  const { exp } = claimsOf(fresh);
  assert.deepEqual(await ask(socket, "reauth", { token: fresh }), { ok: true, exp });
  assert.equal((await ask(socket, "whoami")).exp, exp);
  // A string will do.
  const last = issue({ seconds: 7 });
  assert.deepEqual(await ask(socket, "reauth", last), { ok: true, exp: claimsOf(last).exp });
  await once(socket, "disconnect");
  assert.ok(Date.now() >= claimsOf(last).exp * 1000, "at the end of the last token, and not of the first");
});

test("w09_ a token of somebody else ends the socket", { timeout: 30_000 }, async (t) => {
  const socket = await connect(t, { auth: { token: issue() } });
  const ended = once(socket, "ended");
  const disconnected = once(socket, "disconnect");
  socket.emit("reauth", { token: issue({ sub: "alan" }) });
  assert.deepEqual([(await ended)[0], (await disconnected)[0]], [{ code: "subject_mismatch" }, "io server disconnect"]);
});

test("w08_ a back-channel logout ends the session's sockets within a second", { timeout: 30_000 }, async (t) => {
  const session = await signInByHttp(url);
  const { sub, sid } = (await session.whoami()).body;
  const bySession = await connect(t, { extraHeaders: { cookie: session.cookie(), origin: url } });
  const byToken = await connect(t, { auth: { token: issue() } });
  const ended = once(bySession, "ended");
  const disconnected = once(bySession, "disconnect");
  const iat = Math.floor(Date.now() / 1000);
  const events = { "http://schemas.openid.net/event/backchannel-logout": {} };
  const claims = { iss: idp.issuer, aud: CLIENT, iat, exp: iat + 120, jti: randomUUID(), events, sub, sid };
  const logout_token = idp.sign({ alg: "RS256", typ: "logout+jwt" }, claims);
  const begun = Date.now();
  const told = await fetch(`${url}/backchannel-logout`, { method: "POST", body: new URLSearchParams({ logout_token }) });
  assert.equal(told.status, 200);
  assert.deepEqual([(await ended)[0], (await disconnected)[0]], [{ code: "signed_out" }, "io server disconnect"]);
  assert.ok(Date.now() - begun < 1000, `after ${Date.now() - begun} ms`);
  assert.equal((await ask(byToken, "whoami")).sub, "ada", "another socket goes on");
});

test("w14_ each poll of a connection is of the session that opened it", { timeout: 30_000 }, async (t) => {
  const [mine, other] = [(await signInByHttp(url)).cookie(), (await signInByHttp(url)).cookie()];
  const socket = await connect(t, { transports: ["polling"], extraHeaders: { cookie: mine, origin: url } });
  const { id } = socket.io.engine;
  const say = async (headers, name = `sid=${id}`) => {
    const path = `/socket.io/?EIO=4&transport=polling&${name}`;
    return (await fetch(url + path, { method: "POST", headers, body: '42["echo","heard"]' })).status;
  };
  assert.equal(await say({ cookie: other, origin: url }), 403);
  assert.equal(await say({ authorization: `Bearer ${issue()}` }), 403);
  assert.equal(await say({}), 401);
  for (const name of [`sid=${id}=`, `sid=${id}=x`, `sid=x&sid=${id}`, `sid=${id}&sid=x`]) {
    assert.equal(await say({ cookie: other, origin: url }, name), 403, name);
  }
  assert.equal(await say({ cookie: mine, origin: "http://evil.example" }), 403);
  assert.equal(await say({ cookie: mine, origin: url }), 200);
  assert.deepEqual(await once(socket, "echo"), ["heard"]);
  assert.equal((await ask(socket, "whoami")).sub, "ada", "it goes on");
});

test("w07_ who reads nothing is not heard after the end either, and disconnected as soon as may be", { timeout: 30_000 }, async () => {
  const { sid } = await open();
  const say = async (packet) => (await fetch(at(sid), { method: "POST", body: packet })).status;
  const token = issue({ seconds: 3 });
  assert.equal(await say(`40${JSON.stringify({ token })}`), 200);
  await hear(sid, 40);
  // More answers than are kept for it.
  for (let number = 0; number < 150; number += 1) await say(`42["echo",${number}]`);
  await sleep(claimsOf(token).exp * 1000 + 1000 - Date.now());
  await say('42["echo","late"]');
  const heard = await hear(sid, 41);
  assert.match(heard, /echo/);
  assert.doesNotMatch(heard, /late/);
});

test("w09_ nobody takes another's place in a namespace", { timeout: 30_000 }, async () => {
  const { sid } = await open();
  const say = (packet) => fetch(at(sid), { method: "POST", body: packet });
  await say(`40${JSON.stringify({ token: issue() })}`);
  await hear(sid, 40);
  await say(`40${JSON.stringify({ token: issue({ sub: "alan" }) })}`);
  assert.match(await hear(sid, 44), /already_connected/);
  await say('420["whoami"]');
  assert.match(await hear(sid, 430), /"sub":"ada"/);
});

test("w10_ who reaches no namespace is not heard, and cut off after five seconds", { timeout: 30_000 }, async () => {
  const silent = await open();
  const begun = Date.now();
  while ((await fetch(at(silent.sid))).status === 200);
  const lasted = Date.now() - begun;
  assert.ok(lasted > 4000 && lasted < 7000, `${lasted} ms`);

  const early = await open();
  const heard = fetch(at(early.sid)).then((answer) => answer.text());
  await fetch(at(early.sid), { method: "POST", body: '420["whoami"]' });
  assert.doesNotMatch(await heard, /43/, "no acknowledgement");

  const large = await open();
  assert.equal(large.maxPayload, 16 * 1024);
  const sent = await fetch(at(large.sid), { method: "POST", body: `40{"token":"${"a".repeat(17 * 1024)}"}` });
  assert.equal(sent.status, 413);
});

test("a page's Socket.IO works by cookie, and another origin's page is refused", { timeout: 60_000 }, async (t) => {
  const browser = { bypassCSP: true };
  const { app, idp, page } = await stage(t, { example: "socketio", act: "socketio", browser });
  await signIn({ app, idp }, page);
  for (const transports of Object.values(TRANSPORTS)) {
    assert.deepEqual(await fromPage(page, app.url, transports), { sub: "ada" }, transports.join());
  }
  await page.goto(`${idp.issuer}/.well-known/openid-configuration`);
  for (const transports of [["websocket"], ["polling"]]) {
    const { refused } = await fromPage(page, app.url, transports);
    assert.ok(refused, transports.join());
  }
});

/// A connection by polls alone, without a client's library.
const open = async () => JSON.parse((await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text()).slice(1));
const at = (sid) => `${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`;

/// All that polls bring until a packet of this type.
async function hear(sid, type) {
  let heard = "";
  while (!heard.split("\x1e").some((packet) => packet.startsWith(type))) {
    const answer = await fetch(at(sid));
    assert.equal(answer.status, 200, heard);
    heard += `\x1e${await answer.text()}`;
  }
  return heard;
}

async function fromPage(page, url, transports) {
  await page.addScriptTag({ path: CLIENT_SCRIPT });
  return page.evaluate(
    ({ url, transports }) =>
      new Promise((resolve) => {
        const socket = window.io(url, { transports, reconnection: false, forceNew: true, withCredentials: true });
        socket.on("connect", () => socket.emit("whoami", ({ sub }) => resolve({ sub })));
        socket.on("connect_error", ({ message }) => resolve({ refused: message }));
      }),
    { url, transports },
  );
}

function start(url, env) {
  const settings = { OIDC_ISSUER: idp.issuer, OIDC_CLIENT_ID: CLIENT, OIDC_CLIENT_SECRET: SECRET, OIDC_LEEWAY: "0" };
  return startServer("socketio", { url, log: `socketio-${new URL(url).port}`, env: { ...settings, ...env } });
}

/// A client that has reached the namespace; a refusal is an error of its code.
async function connect(t, options, to = url) {
  const socket = io(to, { transports: ["websocket"], reconnection: false, forceNew: true, ...options });
  t.after(() => socket.close());
  await new Promise((resolve, reject) => {
    socket.on("connect", resolve);
    socket.on("connect_error", reject);
  });
  return socket;
}

const ask = (socket, ...event) => socket.timeout(5_000).emitWithAck(...event);

/// An access token of the provider's key.
function issue({ sub = "ada", seconds = 60 } = {}) {
  const iat = Math.floor(Date.now() / 1000) - (seconds < 0 ? 60 : 0);
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const claims = { iss: idp.issuer, aud: CLIENT, sub, client_id: "machine", jti: randomUUID(), iat, exp };
  return idp.sign({ alg: "RS256", typ: "at+jwt" }, claims);
}

const claimsOf = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
