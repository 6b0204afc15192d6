// A person signs in through each example at a certified provider, by the provider's own pages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arriveAt, openBrowser, ourCookies, provider, screenshot, seesClaims } from "./lib/browser.mjs";
import { freeUrl, startServer } from "./lib/examples.mjs";
import { SECRET, clientId, startProvider } from "./lib/provider.mjs";

const RUNS = [
  { example: "axum", auth: "basic", alg: "RS256", mode: "query" },
  { example: "axum", auth: "none", alg: "RS512", mode: "form_post" },
  { example: "rouille", auth: "post", alg: "RS256", mode: "query" },
  { example: "rouille", auth: "basic", alg: "RS512", mode: "form_post" },
];

for (const run of RUNS) {
  const title = `${run.example}, ${run.auth}, ${run.alg}, ${run.mode}`;

  test(`${title}: signs in, reloads, signs out`, { timeout: 90_000 }, async (t) => {
    const { app, idp, page, shot } = await stage(t, run, "sign-in");
    await page.goto(app.url);
    await shot("1-signed-out");
    await page.waitForSelector("#sign-in");
    await page.goto(`${app.url}/profile`);

    await provider.signIn(page, idp.issuer, "ada");
    await shot("2-consent");
    await provider.allow(page);
    await arriveAt(page, app.url, "/profile");
    await shot("3-profile");
    await seesClaims(page, "ada of the tests", "ada@example.com", idp.issuer);

    await page.reload();
    await arriveAt(page, app.url, "/profile");
    await seesClaims(page, "ada");

    await page.click("#sign-out");
    await provider.confirmSignOut(page, idp.issuer);
    await arriveAt(page, app.url, "/logged-out");
    await shot("4-logged-out");

    await page.goto(`${app.url}/profile`);
    await page.waitForSelector("input[name=login]");
    assert.ok(page.url().startsWith(idp.issuer), `asked to sign in again, at ${page.url()}`);
  });

  test(`${title}: a denied consent is explained, signs nobody in, and can be tried again`, { timeout: 90_000 }, async (t) => {
    const { app, idp, page, context, shot } = await stage(t, run, "denied");
    await page.goto(app.url);
    await page.click("#sign-in");
    await provider.signIn(page, idp.issuer, "ada");

    const callback = page.waitForResponse((answer) => answer.url().startsWith(`${app.url}/callback`));
    await provider.deny(page);
    const status = (await callback).status();
    assert.ok(status >= 400 && status < 500, `status ${status}`);
    await shot("1-error");
    assert.ok((await page.locator("main#error").innerText()).trim().length > 20, "the page says what happened");
    assert.deepEqual(await ourCookies(context), []);

    await page.click("#try-again");
    await page.waitForURL(`${idp.issuer}/interaction/*`);
    await provider.allow(page);
    await page.waitForURL(`${app.url}/**`);
    await page.goto(`${app.url}/profile`);
    await seesClaims(page, "ada");
  });
}

async function stage(t, { example, auth, alg, mode }, act) {
  const name = `${example}-${auth}-${alg}-${mode}-${act}`;
  const url = await freeUrl();
  const idp = await startProvider({ appUrls: [url] });
  t.after(() => idp.stop());
  const app = await startServer(example, {
    url,
    log: name,
    env: {
      OIDC_ISSUER: idp.issuer,
      OIDC_CLIENT_ID: clientId(auth, alg),
      ...(auth !== "none" && { OIDC_CLIENT_SECRET: SECRET }),
      OIDC_CLIENT_AUTH: auth,
      OIDC_ALGORITHMS: alg,
      OIDC_RESPONSE_MODE: mode,
    },
  });
  t.after(() => app.stop());
  const { page, context, close } = await openBrowser();
  const shot = (what) => screenshot(page, `${name}-${what}`);
  t.after(() => shot("end"));
  t.after(close);
  return { app, idp, page, context, shot };
}
