// A service calls each example with an access token of the certified provider.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { freeUrl, startServer } from "./lib/examples.mjs";
import { RESOURCE, clientId, startProvider } from "./lib/provider.mjs";

let idp;
before(async () => (idp = await startProvider({ appUrls: [] })));
after(() => idp.stop());

for (const example of ["axum", "actix", "rouille"]) {
  test(`${example}: takes the provider's RFC 9068 access token, and no other`, { timeout: 60_000 }, async (t) => {
    const url = await freeUrl();
    const env = { OIDC_ISSUER: idp.issuer, OIDC_CLIENT_ID: clientId("none"), OIDC_AUDIENCE: RESOURCE };
    const app = await startServer(example, { url, log: `${example}-bearer`, env });
    t.after(() => app.stop());
    const whoami = (authorization) =>
      fetch(`${url}/api/whoami`, { headers: authorization ? { authorization } : {}, redirect: "manual" });

    const token = await idp.accessToken();
    const good = await whoami(`Bearer ${token}`);
    assert.equal(good.status, 200);
    const claims = await good.json();
    assert.equal(claims.sub, "machine");
    assert.equal(claims.iss, idp.issuer);

    const nobody = await whoami();
    assert.equal(nobody.status, 401);
    assert.match(nobody.headers.get("www-authenticate"), /^Bearer/);

    const forged = await whoami(`Bearer ${forge(token)}`);
    assert.equal(forged.status, 401);
    assert.match(forged.headers.get("www-authenticate"), /error="invalid_token"/);
  });
}

/// Another subject under the same signature.
function forge(token) {
  const [header, payload, signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: "root" })).toString("base64url");
  return [header, forged, signature].join(".");
}
