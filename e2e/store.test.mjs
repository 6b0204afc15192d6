// Two instances behind a load balancer, with one store: a session is in neither of them, and ends in both. While the store is
// away nobody is signed out, and nobody is let in.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { arriveAt, openBrowser, ourCookies, provider, seesClaims } from "./lib/browser.mjs";
import { freeUrl, startServer } from "./lib/examples.mjs";
import { SECRET, clientId, startProvider } from "./lib/provider.mjs";
import { startBalancer, startRedis } from "./lib/servers.mjs";
import { openWebsocket } from "./lib/websocket.mjs";

const OUTAGE = 10_000;

for (const example of ["axum", "rouille"]) {
  test(`${example}: a session begins at one instance and goes on at the other`, { timeout: 90_000 }, async (t) => {
    const world = await stage(t, example, "two");
    await signIn(world, "a");
    await world.at("b");
    await world.page.goto(`${world.url}/profile`);
    await seesClaims(world.page, "ada of the tests", world.idp.issuer);
    await world.at(undefined);
    for (let turn = 0; turn < 4; turn += 1) assert.equal((await whoami(world)).status(), 200, `in turn, ${turn}`);
  });

  test(`${example}: a sign-in that begins at one instance may end at the other`, { timeout: 90_000 }, async (t) => {
    const world = await stage(t, example, "crossed");
    await world.at("a");
    await world.page.goto(`${world.url}/profile`);
    await provider.signIn(world.page, world.idp.issuer, "ada");
    await world.at("b");
    await provider.allow(world.page);
    await arriveAt(world.page, world.url, "/profile");
    assert.equal((await whoami(world, "a")).status(), 200);
  });

  test(`${example}: who signs out at one instance is signed out at both, whatever keeps the cookie`, { timeout: 90_000 }, async (t) => {
    const world = await stage(t, example, "sign-out");
    await signIn(world, "a");
    const kept = await world.context.cookies(world.url);
    await world.page.goto(world.url);
    await world.page.click("#sign-out");
    await provider.confirmSignOut(world.page, world.idp.issuer);
    await arriveAt(world.page, world.url, "/logged-out");
    await refusedByBoth(world, kept);
  });

  test(`${example}: a sign-out that the provider tells one instance holds at both`, { timeout: 90_000 }, async (t) => {
    const world = await stage(t, example, "back-channel");
    await signIn(world, "b");
    const kept = await world.context.cookies(world.url);
    // The provider has no header of ours: the balancer gives its call to one of both.
    await world.page.goto(`${world.idp.issuer}/session/end`);
    await provider.confirmSignOut(world.page, world.idp.issuer);
    await world.page.waitForURL(`${world.idp.issuer}/session/end/success*`);
    assert.deepEqual(world.idp.errors, [], "it was told");
    await refusedByBoth(world, kept);
  });

  test(`w08_ ${example}: a sign-out at one instance closes the sockets of both within a second`, { timeout: 90_000 }, async (t) => {
    const world = await stage(t, example, "sockets");
    await signIn(world, "a");
    const cookie = (await world.context.cookies(world.url)).map(({ name, value }) => `${name}=${value}`).join("; ");
    const headers = { cookie, origin: world.url };
    const sockets = await Promise.all(world.websockets.map((url) => openWebsocket(url, headers)));
    // At one of both, before the provider is asked.
    const out = await fetch(`${world.url}/logout`, { method: "POST", headers, redirect: "manual" });
    const begun = Date.now();
    assert.equal(out.status, 303);
    const farewells = await Promise.all(sockets.map(({ closed }) => closed));
    assert.deepEqual(farewells, Array(2).fill({ close: true, code: 1008, reason: "signed_out" }));
    assert.ok(Date.now() - begun < 1000, `${Date.now() - begun} ms`);
  });

  const outages = {
    "is silent": [(redis) => redis.pause(), (redis) => redis.goOn()],
    "is stopped": [(redis) => redis.stop(), (redis) => redis.start()],
  };
  for (const [what, [begin, end]] of Object.entries(outages)) {
    test(`${example}: while the store ${what} the answer is 503, and then all is as before`, { timeout: 120_000 }, async (t) => {
      const world = await stage(t, example, what.replace(" ", "-"));
      await signIn(world, "a");
      const before = await world.context.cookies();
      await begin(world.redis);
      const until = Date.now() + OUTAGE;
      let asked = 0;
      while (Date.now() < until) {
        for (const instance of ["a", "b"]) asked += await unavailable(world, instance);
        await sleep(200);
      }
      assert.ok(asked >= 6, `${asked} requests`);
      await end(world.redis);
      await recovered(world, 5_000);
      assert.deepEqual(await world.context.cookies(), before, "no cookie has changed");
    });
  }
}

async function signIn(world, instance) {
  await world.at(instance);
  await world.page.goto(`${world.url}/profile`);
  await provider.signIn(world.page, world.idp.issuer, "ada");
  await provider.allow(world.page);
  await arriveAt(world.page, world.url, "/profile");
  assert.ok((await ourCookies(world.context)).length >= 1);
}

function whoami({ context, url }, instance) {
  return context.request.get(`${url}/api/whoami`, { headers: named(instance), maxRedirects: 0 });
}

/// The balancer's header; none, and each gets its turn.
function named(instance) {
  return instance === undefined ? {} : { "x-instance": instance };
}

/// Each with the cookies as they were: whoever refuses a session takes its cookie away.
async function refusedByBoth(world, kept) {
  for (const instance of ["a", "b"]) {
    await world.context.addCookies(kept);
    assert.equal((await whoami(world, instance)).status(), 401, `at ${instance}`);
  }
}

/// For pages and for programs; nothing in the answer ends the session.
async function unavailable({ context, url }, instance) {
  for (const [path, accept] of [["/profile", "text/html"], ["/api/whoami", "application/json"]]) {
    const answer = await context.request.get(`${url}${path}`, { headers: { ...named(instance), accept }, maxRedirects: 0 });
    assert.equal(answer.status(), 503, `${path} at ${instance}: ${await answer.text()}`);
    assert.ok(Number(answer.headers()["retry-after"]) >= 1, "it says when to come again");
    assert.equal(answer.headers()["set-cookie"], undefined);
  }
  return 2;
}

async function recovered(world, milliseconds) {
  const until = Date.now() + milliseconds;
  for (const instance of ["a", "b"]) {
    let status;
    while (status !== 200 && Date.now() < until) {
      status = (await whoami(world, instance)).status();
      assert.ok([200, 503].includes(status), `${status} at ${instance}`);
    }
    assert.equal(status, 200, `${instance} is back`);
  }
}

async function stage(t, example, act) {
  const url = await freeUrl();
  const idp = await startProvider({ appUrls: [url], backChannel: `${url}/backchannel-logout` });
  t.after(() => idp.stop());
  const redis = await startRedis();
  t.after(() => redis.remove());
  const env = {
    OIDC_ISSUER: idp.issuer,
    OIDC_CLIENT_ID: clientId("basic"),
    OIDC_CLIENT_SECRET: SECRET,
    OIDC_REDIRECT_URI: `${url}/callback`,
    OIDC_COOKIE_SECRET: randomBytes(32).toString("base64url"),
    OIDC_SESSION_STORE: redis.url,
  };
  const instances = {};
  const websockets = [];
  for (const name of ["a", "b"]) {
    const app = await startServer(example, { url: await freeUrl(), log: `${example}-store-${act}-${name}`, env });
    t.after(() => app.stop());
    instances[name] = app.url;
    websockets.push(/^websockets at (\S+)$/m.exec(app.output.text)?.[1] ?? `${app.url}/ws`);
  }
  const balancer = await startBalancer({ url, instances });
  t.after(() => balancer.stop());
  const { page, context, close } = await openBrowser();
  t.after(close);
  const at = (instance) => context.setExtraHTTPHeaders(named(instance));
  return { url, idp, redis, page, context, at, websockets };
}
