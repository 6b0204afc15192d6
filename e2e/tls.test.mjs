// A provider behind a private certificate authority: refused, until its root is given.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { issueCertificate } from "./lib/certificates.mjs";
import { runProbe } from "./lib/examples.mjs";
import { SECRET, clientId, startProvider } from "./lib/provider.mjs";

const APP = "http://127.0.0.1:9";
const folder = mkdtempSync(join(tmpdir(), "oidc-tls-"));
const rootFile = join(folder, "root.pem");

let idp;
before(async () => {
  const { root, ...tls } = await issueCertificate({ type: "ip", value: "127.0.0.1" });
  writeFileSync(rootFile, root);
  idp = await startProvider({ appUrls: [APP], signedIn: true, tls });
}, { timeout: 30_000 });
after(async () => {
  await idp.stop();
  rmSync(folder, { recursive: true });
});

for (const probe of ["probe-tokio", "probe-blocking"]) {
  test(`${probe}: signs in by TLS with the root given`, { timeout: 30_000 }, async () => {
    const { code, lines, stderr } = await runProbe(probe, { ...options(), "ca-file": rootFile });
    assert.equal(lines[0]?.ok, true, JSON.stringify({ lines, stderr }));
    assert.equal(code, 0);
  });

  test(`d07_ ${probe}: refuses the same provider without it`, { timeout: 30_000 }, async () => {
    const { code, lines } = await runProbe(probe, options());
    assert.equal(code, 1);
    assert.deepEqual([lines[0].ok, lines[0].step, lines[0].code], [false, "discovery", "provider_unreachable"]);
    assert.match(lines[0].message, /certificate|UnknownIssuer/i);
  });

  test(`${probe}: refuses a provider whose certificate is for another name`, { timeout: 30_000 }, async () => {
    const issuer = idp.issuer.replace("127.0.0.1", "localhost");
    const { code, lines } = await runProbe(probe, { ...options(), issuer, "ca-file": rootFile });
    assert.equal(code, 1);
    assert.deepEqual([lines[0].ok, lines[0].code], [false, "provider_unreachable"]);
  });
}

function options() {
  return {
    issuer: idp.issuer,
    "client-id": clientId("basic"),
    "client-secret": SECRET,
    "redirect-uri": `${APP}/callback`,
  };
}
