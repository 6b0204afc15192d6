// The examples answer alike, whatever the web server; and bad settings end them at once.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { createServer, get } from "node:http";
import { freeUrl, runServer, startServer } from "./lib/examples.mjs";
import { RESOURCE, clientId, startProvider } from "./lib/provider.mjs";

const EXAMPLES = ["axum", "actix", "rouille"];

let idp;
before(async () => (idp = await startProvider({ appUrls: [] })));
after(() => idp.stop());

test("/api/whoami answers byte for byte alike", { timeout: 120_000 }, async (t) => {
  const good = await idp.accessToken();
  const [header, payload, signature] = good.split(".");
  const other = (text) => Buffer.from(JSON.stringify(text)).toString("base64url");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  const flipped = (signature.startsWith("A") ? "B" : "A") + signature.slice(1);
  const tokens = {
    none: undefined,
    good,
    junk: "junk",
    tampered: `${header}.${payload}.${flipped}`,
    unsigned: `${other({ alg: "none", typ: "at+jwt" })}.${payload}.`,
    hmac: `${other({ alg: "HS256", typ: "at+jwt" })}.${payload}.${signature}`,
    stranger: `${header}.${other({ ...claims, aud: "other" })}.${signature}`,
    critical: `${other({ alg: "RS256", typ: "at+jwt", crit: ["x"], x: 1 })}.${payload}.${signature}`,
  };
  const codes = {
    none: [401, "no_credentials"],
    good: [200, undefined],
    junk: [401, "malformed"],
    tampered: [401, "bad_signature"],
    unsigned: [401, "algorithm_not_allowed"],
    hmac: [401, "algorithm_not_allowed"],
    stranger: [401, "claim_invalid"],
    critical: [401, "critical_header"],
  };
  const env = { OIDC_ISSUER: idp.issuer, OIDC_CLIENT_ID: clientId("none"), OIDC_AUDIENCE: RESOURCE };
  const seen = {};
  for (const example of EXAMPLES) {
    const app = await startServer(example, { url: await freeUrl(), log: `${example}-answers`, env });
    t.after(() => app.stop());
    for (const [name, token] of Object.entries(tokens)) {
      const headers = token ? { authorization: `Bearer ${token}` } : {};
      const answer = await fetch(`${app.url}/api/whoami`, { headers });
      const body = await answer.text();
      assert.deepEqual([answer.status, JSON.parse(body).error], codes[name], `${example}: ${name}`);
      const ours = ["cache-control", "content-type", "www-authenticate", "x-content-type-options"];
      const found = [answer.status, body, ...ours.map((header) => answer.headers.get(header))];
      assert.deepEqual(found, (seen[name] ??= found), `${example}: ${name}`);
    }
  }
});

for (const example of EXAMPLES) {
  test(`${example}: a bad setting ends the start with one line that names it`, { timeout: 60_000 }, async () => {
    const good = { LISTEN: "127.0.0.1:0", OIDC_ISSUER: idp.issuer, OIDC_CLIENT_ID: "c" };
    const bad = {
      OIDC_ISSUER: "http://op.example",
      OIDC_CLIENT_ID: undefined,
      OIDC_LEEWAY: "301",
      OIDC_ALGORITHMS: "none",
      OIDC_CLIENT_AUTH: "basic",
      OIDC_COOKIE_SECRET: "c2hvcnQ",
      OIDC_CA_FILE: "/nonexistent",
      OIDC_SESSION_STORE: "paper",
      OIDC_SCOPES: "profile",
      LISTEN: "nowhere",
    };
    for (const [name, value] of Object.entries(bad)) {
      const env = Object.entries({ ...good, [name]: value }).filter(([, value]) => value !== undefined);
      const { code, output } = await runServer(example, Object.fromEntries(env));
      const named = name === "OIDC_CLIENT_AUTH" ? "OIDC_CLIENT_SECRET" : name;
      assert.equal(code, 2, `${name}: ${output}`);
      assert.equal(output.trimEnd().split("\n").length, 1, output);
      assert.ok(output.includes(named), `${name}: ${output}`);
    }
  });

  test(`${example}: starts while the provider is down, says so, and recovers`, { timeout: 60_000 }, async (t) => {
    const issuer = await freeUrl();
    const env = { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: "c" };
    const app = await startServer(example, { url: await freeUrl(), log: `${example}-down`, env });
    t.after(() => app.stop());
    await app.output.until("keys_unavailable");
    const keys = async () => (await (await fetch(`${app.url}/healthz`)).json()).keys;
    assert.equal(await keys(), "none");
    // Not `fetch`, which says of itself that it is no page load.
    const profile = async () => {
      const [answer] = await once(get(`${app.url}/profile`), "response");
      answer.resume();
      return answer;
    };
    const away = await profile();
    assert.equal(away.statusCode, 503);
    assert.ok(Number(away.headers["retry-after"]) >= 1);

    const provider = createServer((_request, response) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks`, authorization_endpoint: `${issuer}/auth` }));
    });
    provider.listen(new URL(issuer).port, "127.0.0.1");
    await once(provider, "listening");
    t.after(() => provider.close());
    const deadline = Date.now() + 15_000;
    let back = await profile();
    while (back.statusCode !== 303 && Date.now() < deadline) back = await profile();
    assert.equal(back.statusCode, 303);
    assert.ok(back.headers.location.startsWith(`${issuer}/auth?`));
  });
}
