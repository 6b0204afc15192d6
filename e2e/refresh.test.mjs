// Tokens that live for seconds: a session goes on by refreshing them, once for all requests, until the provider says no.
import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { json } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { load, ourCookies, seesClaims } from "./lib/browser.mjs";
import { signIn, stage } from "./lib/stage.mjs";

const SESSION = /^oidc-\d+-session/;
// A token is replaced when half of its life has passed.
const SHORT = 3;
const LONG = 20;

for (const example of ["axum", "rouille"]) {
  test(`${example}: many requests at once refresh once, and the session ends with its grant`, { timeout: 120_000 }, async (t) => {
    const life = { seconds: SHORT };
    const stand = await stage(t, {
      example,
      act: "refresh",
      env: { OIDC_SCOPES: "openid profile email offline_access" },
      // The pages' own policy lets no script fetch anything.
      browser: { bypassCSP: true },
      idp: { settings: rotating(life) },
    });
    const { app, idp, page, context, shot } = stand;
    await signIn(stand, page);
    const before = await sessionCookies(context);
    assert.ok(before.length > 0);

    // Every refresh before this second is of no account: it gave a token that is due, too.
    await sleep(SHORT * 1000);
    life.seconds = LONG;
    const done = refreshes(idp).length;
    const header = (await sessionCookies(context)).map(({ name, value }) => `${name}=${value}`).join("; ");
    const together = await Promise.all(Array.from({ length: 20 }, () => whoami(app, header)));
    assert.deepEqual(together, Array(20).fill({ status: 200, sub: "ada" }));
    assert.equal(refreshes(idp).length, done + 1, "one for all of them");

    // The browser still has what is used up by now; the provider would take a second use for theft, and end it all.
    const scripts = await page.evaluate(async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => fetch("/api/whoami")));
      return Promise.all(answers.map(async (answer) => [answer.status, (await answer.json()).sub]));
    });
    assert.deepEqual(scripts, Array(20).fill([200, "ada"]));
    assert.equal(refreshes(idp).length, done + 1, "and none for those who came late");
    assert.ok(refreshes(idp).every(({ ok }) => ok), JSON.stringify(refreshes(idp)));
    const after = await sessionCookies(context);
    assert.notDeepEqual(after.map(({ value }) => value), before.map(({ value }) => value), "the fresh tokens are kept");
    for (const cookie of after) assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, "Lax", "/"]);
    await page.reload();
    await seesClaims(page, "ada@example.com");
    await shot("1-refreshed");

    await idp.revokeGrant(idp.grants[0].grantId);
    await sleep((LONG / 2) * 1000);
    const asked = idp.grants.length;
    const refused = await page.evaluate(async () => {
      const answer = await fetch("/api/whoami");
      return [answer.status, (await answer.json()).error, answer.redirected, answer.headers.get("cache-control")];
    });
    assert.deepEqual(refused, [401, "no_credentials", false, "no-store"]);
    assert.deepEqual(idp.grants.slice(asked).map(({ ok, type }) => [ok, type]), [[false, "refresh_token"]]);
    assert.ok(!(await ourCookies(context)).some((name) => SESSION.test(name)), "the dead cookie is gone");

    // Nor does a copy of it come to life, nor is the provider asked again.
    await context.addCookies(after);
    const { first } = await load(page, `${app.url}/profile`);
    assert.deepEqual([first.status, first.headers["cache-control"]], [303, "no-store"]);
    assert.ok(first.headers.location.startsWith(`${idp.issuer}/auth?`));
    assert.equal(first.headers["set-cookie"].split("\n").filter((cookie) => SESSION.test(cookie) && /; Max-Age=0;/.test(cookie)).length, after.length);
    assert.equal(refreshes(idp).filter(({ ok }) => !ok).length, 1);
    await shot("2-at-the-provider");
  });
}

/// A refresh token is good once, and an access token for so long. Without `prompt=consent` the provider drops the scope
/// `offline_access`, and gives a refresh token all the same, as many do.
function rotating(life) {
  return {
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    ttl: { AccessToken: () => life.seconds, RefreshToken: 3600, IdToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 },
  };
}

const refreshes = (idp) => idp.grants.filter(({ type }) => type === "refresh_token");

async function sessionCookies(context) {
  return (await context.cookies()).filter(({ name }) => SESSION.test(name));
}

/// On a connection of its own that nobody keeps: rouille serves few at once that are kept.
async function whoami(app, cookie) {
  const [answer] = await once(get(`${app.url}/api/whoami`, { headers: { cookie }, agent: false }), "response");
  return { status: answer.statusCode, sub: (await json(answer)).sub };
}
