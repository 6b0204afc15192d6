// Both probes against the certified provider, which answers them without a page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { runProbe } from "./lib/examples.mjs";
import { ALGORITHMS, SECRET, clientId, startProvider } from "./lib/provider.mjs";

// Nobody listens there: the probe plays the browser, too, and never follows the last redirect.
const APP = "http://127.0.0.1:9";
const PROBES = ["probe-tokio", "probe-blocking"];

let idp;
before(async () => (idp = await startProvider({ appUrls: [APP], signedIn: true })));
after(() => idp.stop());

for (const probe of PROBES) {
  for (const alg of ["RS256", "RS512"]) {
    for (const mode of ["query", "form_post"]) {
      for (const userinfo of [false, true]) {
        test(`${probe}: ${alg}, ${mode}${userinfo ? ", userinfo" : ""}`, { timeout: 30_000 }, () =>
          succeeds(probe, { alg, "response-mode": mode, userinfo }),
        );
      }
    }
  }

  for (const alg of ALGORITHMS.filter((alg) => !alg.startsWith("RS"))) {
    test(`${probe}: ${alg}`, { timeout: 30_000 }, () => succeeds(probe, { alg, userinfo: true }));
  }

  test(`${probe}: an algorithm that is compiled in and not allowed is refused`, { timeout: 30_000 }, async () => {
    const { lines } = await runProbe(probe, { ...options({ alg: "ES256" }), alg: "RS256" });
    assert.deepEqual([lines[0].step, lines[0].code], ["id_token", "algorithm_not_allowed"], JSON.stringify(lines));
  });

  for (const auth of ["post", "none"]) {
    test(`${probe}: client authentication ${auth}`, { timeout: 30_000 }, () => succeeds(probe, { auth }));
  }

  test(`${probe}: a wrong client secret is refused at the token endpoint`, { timeout: 30_000 }, async () => {
    const { code, lines } = await runProbe(probe, { ...options({}), "client-secret": "wrong" });
    assert.equal(code, 1);
    assert.equal(lines.length, 1);
    assert.equal(lines[0].ok, false);
    assert.equal(lines[0].step, "token");
    assert.ok(lines[0].code && lines[0].message, "a code for programs, a message for people");
  });
}

async function succeeds(probe, choice) {
  const { code, lines, stderr } = await runProbe(probe, { ...options(choice), logins: 2 });
  const seen = JSON.stringify({ lines, stderr, provider: idp.errors.splice(0).map(String) });
  assert.equal(lines.length, 2, seen);
  for (const line of lines) {
    assert.equal(line.ok, true, seen);
    assert.equal(line.sub, "ada", seen);
  }
  assert.equal(code, 0, seen);
}

function options({ auth = "basic", alg = "RS256", ...rest }) {
  return {
    issuer: idp.issuer,
    "client-id": clientId(auth, alg),
    "client-secret": auth === "none" ? undefined : SECRET,
    "client-auth": auth,
    "redirect-uri": `${APP}/callback`,
    scope: "openid profile email",
    alg,
    ...rest,
  };
}
