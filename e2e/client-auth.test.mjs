// Clients that prove themselves by a signature, and requests that are pushed: both probes at the certified provider.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runProbe } from "./lib/examples.mjs";
import { SECRET, clientId, startProvider } from "./lib/provider.mjs";

const APP = "http://127.0.0.1:9";
const PROBES = ["probe-tokio", "probe-blocking"];
const KEYS = {
  RSA: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  "P-256": generateKeyPairSync("ec", { namedCurve: "P-256" }),
  Ed25519: generateKeyPairSync("ed25519"),
};
const PUSHING = {
  devInteractions: { enabled: false },
  pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
};

let folder, idp, pushing;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "client-keys-"));
  for (const [name, { privateKey }] of Object.entries(KEYS)) {
    writeFileSync(join(folder, name), privateKey.export({ type: "pkcs8", format: "pem" }));
  }
  const clientKeys = Object.entries(KEYS).map(([kid, { publicKey }]) => ({ ...publicKey.export({ format: "jwk" }), kid }));
  const pushed = [];
  const edit = (ctx) => pushed.push(`${ctx.method} ${ctx.path} ${ctx.status} ${Object.keys(ctx.query)}`);
  idp = await startProvider({ appUrls: [APP], signedIn: true, clientKeys });
  pushing = await startProvider({ appUrls: [APP], signedIn: true, clientKeys, settings: { features: PUSHING }, edit });
  pushing.pushed = pushed;
});
after(async () => {
  await Promise.all([idp?.stop(), pushing?.stop()]);
  rmSync(folder, { recursive: true });
});

for (const probe of PROBES) {
  test(`${probe}: client_secret_jwt`, { timeout: 30_000 }, () => succeeds(probe, idp, "secret_jwt"));

  for (const kind of Object.keys(KEYS)) {
    test(`${probe}: private_key_jwt by ${kind}`, { timeout: 30_000 }, () => succeeds(probe, idp, "private_key_jwt", kind));
  }

  test(`${probe}: a key that the provider does not know is refused at the token endpoint`, { timeout: 30_000 }, async () => {
    const stranger = join(folder, "stranger");
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    writeFileSync(stranger, privateKey.export({ type: "pkcs8", format: "pem" }));
    const { lines } = await runProbe(probe, { ...options(idp, "private_key_jwt"), "client-key-file": stranger });
    assert.deepEqual([lines[0].step, lines[0].code], ["token", "provider_error"]);
    assert.match(lines[0].message, /invalid_client/);
  });

  test(`${probe}: a request is pushed where the provider demands it`, { timeout: 30_000 }, async () => {
    pushing.pushed.length = 0;
    await succeeds(probe, pushing, "private_key_jwt", "P-256");
    const asked = pushing.pushed.map((line) => line.split(" ").slice(0, 3).join(" "));
    assert.deepEqual(asked.filter((line) => line.includes("/request")), ["POST /request 201"]);
    const browser = pushing.pushed.find((line) => line.startsWith("GET /auth "));
    assert.equal(browser.split(" ")[3], "client_id,request_uri", "the browser carries a name and nothing else");
  });
}

async function succeeds(probe, provider, auth, kind) {
  const key = kind && { "client-key-file": join(folder, kind), "client-key-id": kind };
  const { code, lines, stderr } = await runProbe(probe, { ...options(provider, auth), ...key });
  const seen = JSON.stringify({ lines, stderr, provider: provider.errors.splice(0).map(String) });
  assert.equal(lines[0]?.ok, true, seen);
  assert.equal(code, 0, seen);
}

function options(provider, auth) {
  return {
    issuer: provider.issuer,
    "client-id": clientId(auth),
    "client-secret": auth === "secret_jwt" ? SECRET : undefined,
    "client-auth": auth,
    "redirect-uri": `${APP}/callback`,
    userinfo: true,
  };
}
