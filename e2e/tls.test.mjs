// A provider behind a private certificate authority: refused, until its root is given.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runProbe } from "./lib/examples.mjs";
import { SECRET, clientId, startProvider } from "./lib/provider.mjs";

const APP = "http://127.0.0.1:9";
const folder = mkdtempSync(join(tmpdir(), "oidc-tls-"));
const file = (name) => join(folder, name);
const openssl = (...args) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });

let idp;
before(async () => {
  makeCertificates();
  const tls = { key: readFileSync(file("server.key")), cert: readFileSync(file("server.pem")) };
  idp = await startProvider({ appUrls: [APP], signedIn: true, tls });
});
after(async () => {
  await idp.stop();
  rmSync(folder, { recursive: true });
});

for (const probe of ["probe-tokio", "probe-blocking"]) {
  test(`${probe}: signs in by TLS with the root given`, { timeout: 30_000 }, async () => {
    const { code, lines, stderr } = await runProbe(probe, { ...options(), "ca-file": file("ca.pem") });
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
    const { code, lines } = await runProbe(probe, { ...options(), issuer, "ca-file": file("ca.pem") });
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

/// A root, and a server certificate by it for 127.0.0.1 alone.
function makeCertificates() {
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...curve, "-days", "2", "-subj", "/CN=Test root", "-keyout", "ca.key", "-out", "ca.pem");
  openssl("req", ...curve, "-subj", "/CN=provider", "-keyout", "server.key", "-out", "server.csr");
  writeFileSync(file("extensions"), "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
  const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions"];
  openssl("x509", "-req", "-in", "server.csr", ...signed, "-out", "server.pem");
}
