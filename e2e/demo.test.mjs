// What a newcomer meets: the examples without any setting, in a browser without JavaScript.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arriveAt, openBrowser, ourCookies, screenshot, seesClaims } from "./lib/browser.mjs";
import { freeUrl, startServer } from "./lib/examples.mjs";

for (const example of ["axum", "actix", "rouille"]) {
  test(`${example}: signs in at the dev provider without JavaScript`, { timeout: 60_000 }, async (t) => {
    const { app, page, shot } = await stage(t, example, "allow");
    assert.match(app.output.text, /sign[ -]?in/i, "the terminal says how to sign in");
    await page.goto(app.url);
    await page.click("#sign-in");
    await page.waitForSelector("#user-ada");
    await shot("1-login");
    await page.click("#user-ada");
    await page.waitForSelector("#allow");
    await shot("2-consent");
    await page.click("#allow");
    await page.waitForURL(`${app.url}/**`);

    await page.goto(`${app.url}/profile`);
    await arriveAt(page, app.url, "/profile");
    await seesClaims(page, "sub", "iss");
    await shot("3-profile");

    await page.click("#sign-out");
    await arriveAt(page, app.url, "/logged-out");
    await page.goto(app.url);
    await page.waitForSelector("#sign-in");
  });

  test(`${example}: a denied consent at the dev provider signs nobody in`, { timeout: 60_000 }, async (t) => {
    const { app, page, context, shot } = await stage(t, example, "deny");
    await page.goto(`${app.url}/profile`);
    await page.click("#user-ada");
    await page.click("#deny");
    await page.waitForSelector("main#error");
    await shot("1-error");
    assert.deepEqual(await ourCookies(context), []);
    await page.click("#try-again");
    await page.waitForSelector("#user-ada, #allow");
  });
}

for (const [auth, alg] of [["secret_jwt", "ES256"], ["post", "PS256"], ["none", "EdDSA"]]) {
  test(`the demo's own provider follows the settings: ${auth}, ${alg}`, { timeout: 60_000 }, async (t) => {
    const { app, page } = await stage(t, "axum", auth, { OIDC_CLIENT_AUTH: auth, OIDC_ALGORITHMS: alg });
    await page.goto(`${app.url}/profile`);
    await page.click("#user-ada");
    await page.click("#allow");
    await arriveAt(page, app.url, "/profile");
    await seesClaims(page, "sub", "iss");
  });
}

async function stage(t, example, act, env = {}) {
  const name = `${example}-demo-${act}`;
  const app = await startServer(example, { url: await freeUrl(), log: name, env });
  t.after(() => app.stop());
  const { page, context, close } = await openBrowser({ javaScriptEnabled: false });
  const shot = (what) => screenshot(page, `${name}-${what}`);
  t.after(() => shot("end"));
  t.after(close);
  return { app, page, context, shot };
}
