// Sign-in and sign-out at independent providers of other families, by their own pages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arriveAt, openBrowser, ourCookies, screenshot, seesClaims } from "./lib/browser.mjs";
import { freeUrl, runProbe, startServer } from "./lib/examples.mjs";
import { CLIENT, PROVIDERS } from "./lib/interop.mjs";

for (const [name, provider] of Object.entries(PROVIDERS)) {
  for (const example of ["axum", "rouille"]) {
    test(`${name}, ${example}: signs in, reloads, signs out`, { timeout: 120_000 }, async (t) => {
      const { app, idp, page, context, shot } = await stage(t, { name, example, act: "sign-in" });
      await page.goto(`${app.url}/profile`);
      await isAsked(page, idp, provider.loginPage);
      await shot("1-login");
      await provider.signIn(page);
      await isAsked(page, idp, provider.consentPage);
      await shot("2-consent");
      await provider.allow(page);
      await arriveAt(page, app.url, "/profile");
      await shot("3-profile");
      await seesClaims(page, "ada of the tests", "ada@example.com", idp.issuer);

      const whoami = await context.request.get(`${app.url}/api/whoami`);
      const { iss, sub, aud } = await whoami.json();
      assert.deepEqual([whoami.status(), iss, sub], [200, idp.issuer, provider.sub]);
      assert.deepEqual([aud].flat(), [CLIENT.OIDC_CLIENT_ID]);

      await page.reload();
      await arriveAt(page, app.url, "/profile");
      await seesClaims(page, "ada of the tests");

      await page.click("#sign-out");
      await provider.confirmSignOut(page);
      await arriveAt(page, app.url, "/logged-out");
      await shot("4-logged-out");
      assert.match(await page.locator("main").innerText(), /the sign-in service has ended your session there too/);
      assert.deepEqual(await ourCookies(context), []);

      await page.goto(`${app.url}/profile`);
      await isAsked(page, idp, provider.loginPage);
    });

    test(`${name}, ${example}: a denied consent is explained, with iss and without`, { timeout: 120_000 }, async (t) => {
      const settings = provider.announcingIss;
      const { app, idp, page, context, shot } = await stage(t, { name, example, act: "denied", settings });
      const metadata = await fetch(`${idp.issuer}/.well-known/openid-configuration`);
      assert.equal((await metadata.json()).authorization_response_iss_parameter_supported, true);
      await page.goto(`${app.url}/profile`);
      await provider.signIn(page);
      const denied = nextCallback(page, app);
      await provider.deny(page);
      assert.equal((await denied).status(), 403);
      await shot("1-error");
      assert.match(await page.locator("main#error").innerText(), /declined[^]*You were not signed in[^]*Start again/);
      assert.deepEqual(await ourCookies(context), []);

      await page.click("#try-again");
      const allowed = nextCallback(page, app);
      await provider.allow(page);
      assert.equal(new URL((await allowed).url()).searchParams.get("iss"), idp.issuer);
      await arriveAt(page, app.url, "/profile");
      await seesClaims(page, "ada of the tests");
    });

    test(`${name}, ${example}: a wrong client secret is explained in one line of the log`, { timeout: 120_000 }, async (t) => {
      const env = { OIDC_CLIENT_SECRET: "wrong" };
      const { app, page, context, shot } = await stage(t, { name, example, act: "wrong-secret", env });
      await page.goto(`${app.url}/profile`);
      await provider.signIn(page);
      const callback = nextCallback(page, app);
      await provider.allow(page);
      assert.equal((await callback).status(), 502);
      await shot("1-error");
      assert.match(await page.locator("main#error").innerText(), /you were not signed in[^]*Code: provider_error/);
      assert.deepEqual(await ourCookies(context), []);
      const lines = app.output.text.split("\n").filter((line) => line.includes(" ERROR "));
      assert.equal(lines.length, 1, app.output.text);
      assert.match(lines[0], /code="provider_error" error=token: the provider answered "invalid_client"/);
    });
  }

  test(`${name}: the probes say that a person is asked`, { timeout: 60_000 }, async (t) => {
    const app = await freeUrl();
    const idp = await provider.start({ app, log: `interop-${name}-probes-provider` });
    t.after(() => idp.stop());
    const options = {
      issuer: idp.issuer,
      "client-id": CLIENT.OIDC_CLIENT_ID,
      "client-secret": CLIENT.OIDC_CLIENT_SECRET,
      "redirect-uri": `${app}/callback`,
    };
    for (const probe of ["probe-tokio", "probe-blocking"]) {
      const { code, lines } = await runProbe(probe, options);
      const [{ message, ...line }] = lines;
      assert.deepEqual([code, lines.length, line], [1, 1, { ok: false, step: "authorize", code: "interaction_required" }]);
      assert.match(message, new RegExp(`^${new URL(idp.issuer).origin}/[a-z/]*login/? is a page for a person`));
    }
  });
}

/// A provider, an example that trusts it, and a browser. `settings`: more of the provider's. `env`: of the example's.
async function stage(t, { name, example, act, settings, env }) {
  const log = `interop-${name}-${example}-${act}`;
  const url = await freeUrl();
  const idp = await PROVIDERS[name].start({ app: url, log: `${log}-provider`, settings });
  t.after(() => idp.stop());
  const app = await startServer(example, { url, log, env: { OIDC_ISSUER: idp.issuer, ...CLIENT, ...env } });
  t.after(() => app.stop());
  const { page, context, close } = await openBrowser();
  const shot = (what) => screenshot(page, `${log}-${what}`);
  t.after(() => shot("end"));
  t.after(close);
  return { app, idp, page, context, shot };
}

/// By a page of the provider's own.
async function isAsked(page, idp, selector) {
  await page.waitForSelector(selector);
  assert.equal(new URL(page.url()).origin, new URL(idp.issuer).origin);
}

const nextCallback = (page, app) => page.waitForResponse((answer) => answer.url().startsWith(`${app.url}/callback`));
