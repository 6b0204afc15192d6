// Sessions that end from elsewhere: by the provider's logout tokens, and by a sign-out in another browser.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { load, ourCookies, provider, seesClaims } from "./lib/browser.mjs";
import { freeUrl, startServer } from "./lib/examples.mjs";
import { signInByHttp } from "./lib/http.mjs";
import { SECRET, clientId, startProvider } from "./lib/provider.mjs";
import { signIn, stage } from "./lib/stage.mjs";

const CLIENT = clientId("basic");
const SESSION = /^oidc-\d+-session/;
const EVENT = "http://schemas.openid.net/event/backchannel-logout";

for (const example of ["axum", "actix", "rouille"]) {
  test(`${example}: the provider ends one session by sid, and all of a person by sub`, { timeout: 120_000 }, async (t) => {
    const stand = await stage(t, { example, act: "everywhere" });
    const { app, idp, another, shot } = stand;
    const [first, second, other] = [stand, await another(), await another()];
    await signIn(stand, first.page);
    await signIn(stand, second.page);
    await signIn(stand, other.page, { name: "grace" });

    // She signs out at the provider itself, which tells us so.
    await first.page.goto(`${idp.issuer}/session/end`);
    await provider.confirmSignOut(first.page, idp.issuer);
    await first.page.waitForURL(`${idp.issuer}/session/end/success*`);
    assert.deepEqual([idp.logouts.map(({ sub }) => sub), idp.errors], [["ada"], []], "we were told, and said yes");
    assert.ok(idp.logouts[0].sid, "of one session");
    await isSignedOut(first, app, idp);
    await shot("1-ended-by-sid", first.page);
    await isSignedIn(second, app, "ada");
    await isSignedIn(other, app, "grace");

    await signIn(stand, first.page);
    await isSignedIn(first, app, "ada");
    // Of the second in which she signed in, a logout token says nothing sure: it ends what began in it.
    const token = idp.sign({ alg: "RS256", typ: "logout+jwt" }, logoutClaims(idp, { sub: "ada" }));
    await refusesOrEnds(app, token, 200);
    await isSignedOut(first, app, idp);
    await isSignedOut(second, app, idp);
    await shot("2-ended-by-sub", second.page);
    await isSignedIn(other, app, "grace");
    await shot("3-other-person", other.page);
  });

  test(`${example}: signing out ends a stolen copy of the cookie at once`, { timeout: 90_000 }, async (t) => {
    const stand = await stage(t, { example, act: "stolen" });
    const { app, idp, page, context, another, shot } = stand;
    const [thief, second] = [await another(), await another()];
    await signIn(stand, page);
    await signIn(stand, second.page);
    const names = await ourCookies(context);
    await thief.context.addCookies((await context.cookies()).filter(({ name }) => names.includes(name)));
    await isSignedIn(thief, app, "ada");

    // The provider has not been told yet: it asks first.
    await page.goto(`${app.url}/profile`);
    await page.click("#sign-out");
    await page.waitForURL(`${idp.issuer}/session/end*`);
    assert.ok(!(await ourCookies(context)).some((name) => SESSION.test(name)), "the cookie is gone");
    await isSignedOut(thief, app, idp);
    await shot("1-thief", thief.page);
    await isSignedIn(second, app, "ada");

    await provider.confirmSignOut(page, idp.issuer);
    await page.waitForURL(`${app.url}/logged-out?*`);
    assert.match(await page.locator("main").innerText(), /the sign-in service has ended your session there too/);
    assert.deepEqual(await ourCookies(context), []);
    await shot("2-signed-out");
  });

  test(`${example}: takes a good logout token once, and no other`, { timeout: 60_000 }, async (t) => {
    const url = await freeUrl();
    const idp = await startProvider({ appUrls: [url], signedIn: true, backChannel: `${url}/backchannel-logout` });
    t.after(() => idp.stop());
    const env = { OIDC_ISSUER: idp.issuer, OIDC_CLIENT_ID: CLIENT, OIDC_CLIENT_SECRET: SECRET };
    const app = await startServer(example, { url, log: `${example}-logout-tokens`, env });
    t.after(() => app.stop());
    const session = await signInByHttp(url);
    const { status, body: { sub, sid } } = await session.whoami();
    assert.deepEqual([status, sub, typeof sid], [200, "ada", "string"]);

    const good = logoutClaims(idp, { sub, sid });
    const rs256 = { alg: "RS256" };
    const { events: _, ...eventless } = good;
    const bad = {
      "alg-none": [{ alg: "none" }, good],
      "wrong-alg": [{ alg: "ES256" }, good],
      "wrong-iss": [rs256, { ...good, iss: `${good.iss}INVALID` }],
      "wrong-aud": [rs256, { ...good, aud: `${good.aud}INVALID` }],
      "no-event": [rs256, eventless],
      "wrong-event": [rs256, { ...good, events: { [`${EVENT}INVALID`]: {} } }],
      "with-nonce": [rs256, { ...good, nonce: "n" }],
      // Beyond those: what else would end sessions that nobody ended.
      "nobody": [rs256, { ...good, sub: undefined, sid: undefined }],
      "expired": [rs256, { ...good, iat: good.iat - 900, exp: good.iat - 600 }],
      "id-token": [{ ...rs256, typ: "JWT" }, { ...eventless, nonce: "n", auth_time: good.iat }],
      "access-token-type": [{ ...rs256, typ: "at+jwt" }, good],
    };
    for (const [name, [header, claims]] of Object.entries(bad)) {
      // A name of its own, so that none is refused for having been seen.
      const answer = await refusesOrEnds(app, idp.sign(header, { ...claims, jti: `${claims.jti}-${name}` }), 400, name);
      assert.equal(answer.headers.get("www-authenticate"), null, name);
      assert.equal((await session.whoami()).status, 200, `${name}: the session lives`);
    }
    const token = idp.sign(rs256, good);
    const [head, payload] = token.split(".");
    await refusesOrEnds(app, `${head}.${payload}.${"A".repeat(342)}`, 400, "forged");
    assert.equal((await post(app, new URLSearchParams({ token }))).status, 400, "no logout token");
    assert.equal((await post(app, `logout_token=${token}&logout_token=${token}`)).status, 400, "two of them");
    assert.equal((await session.whoami()).status, 200);

    const taken = await refusesOrEnds(app, token, 200, "good");
    assert.deepEqual([await taken.text(), taken.headers.getSetCookie()], ["", []]);
    const ended = await session.whoami();
    assert.deepEqual([ended.status, ended.body.error], [401, "no_credentials"]);
    await refusesOrEnds(app, token, 400, "the same again");
  });
}

async function isSignedIn({ page }, app, name) {
  const { status, first } = await load(page, `${app.url}/profile`);
  assert.deepEqual([first.status, status], [200, 200]);
  await seesClaims(page, `${name}@example.com`);
}

/// For scripts, for a page that anybody may see, and for one that leads to the provider; each time the dead cookie goes.
async function isSignedOut({ page, context }, app, idp) {
  const kept = (await context.cookies()).filter(({ name }) => SESSION.test(name));
  const isGone = async () => assert.ok(!(await ourCookies(context)).some((name) => SESSION.test(name)), "the dead cookie is gone");
  const whoami = await context.request.get(`${app.url}/api/whoami`, { maxRedirects: 0 });
  assert.deepEqual([whoami.status(), (await whoami.json()).error], [401, "no_credentials"]);
  assert.match(whoami.headers()["www-authenticate"], /^Bearer/);
  await isGone();

  await context.addCookies(kept);
  const home = await load(page, app.url);
  assert.deepEqual([home.status, home.headers["cache-control"]], [200, "no-store"]);
  await page.waitForSelector("#sign-in");
  await isGone();

  await context.addCookies(kept);
  const { first } = await load(page, `${app.url}/profile`);
  assert.deepEqual([first.status, first.headers["cache-control"]], [303, "no-store"]);
  assert.ok(first.headers.location.startsWith(`${idp.issuer}/auth?`));
  const cleared = first.headers["set-cookie"].split("\n").filter((cookie) => SESSION.test(cookie));
  assert.equal(cleared.length, kept.length);
  for (const cookie of cleared) assert.match(cookie, /^[^=]+=; Path=\/; Max-Age=0;/);
}

/// As the conformance suite writes it, with a claim that means nothing.
function logoutClaims(idp, who) {
  const iat = Math.floor(Date.now() / 1000);
  return { iss: idp.issuer, aud: CLIENT, iat, exp: iat + 120, jti: randomUUID(), events: { [EVENT]: {} }, ...who, ignored_claim: "x" };
}

/// Sends a logout token, with a parameter that means nothing.
async function refusesOrEnds(app, token, status, name) {
  const answer = await post(app, new URLSearchParams({ ignored_parameter: "x", logout_token: token }));
  assert.equal(answer.status, status, name);
  return answer;
}

async function post(app, body) {
  const answer = await fetch(`${app.url}/backchannel-logout`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body,
  });
  assert.equal(answer.headers.get("cache-control"), "no-store");
  return answer;
}
