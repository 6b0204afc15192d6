// A person signs in through each example at a certified provider, by the provider's own pages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arriveAt, ourCookies, provider, seesClaims } from "./lib/browser.mjs";
import { stage } from "./lib/stage.mjs";

const RUNS = [
  { example: "axum", auth: "basic", alg: "RS256", mode: "query" },
  { example: "axum", auth: "none", alg: "RS512", mode: "form_post" },
  { example: "actix", auth: "basic", alg: "RS256", mode: "form_post" },
  { example: "rouille", auth: "post", alg: "RS256", mode: "query" },
  { example: "rouille", auth: "basic", alg: "RS512", mode: "form_post" },
];

for (const run of RUNS) {
  const title = `${run.example}, ${run.auth}, ${run.alg}, ${run.mode}`;

  test(`${title}: signs in, reloads, signs out`, { timeout: 90_000 }, async (t) => {
    const { app, idp, page, shot } = await stage(t, { ...run, act: "sign-in" });
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
    const { app, idp, page, context, shot } = await stage(t, { ...run, act: "denied" });
    await page.goto(app.url);
    await page.click("#sign-in");
    await provider.signIn(page, idp.issuer, "ada");

    const callback = page.waitForResponse((answer) => answer.url().startsWith(`${app.url}/callback`));
    await provider.deny(page);
    assert.equal((await callback).status(), 403);
    await shot("1-error");
    assert.match(await page.locator("main#error").innerText(), /declined[^]*You were not signed in[^]*Start again/);
    assert.deepEqual(idp.grants, [], "no code was redeemed");
    assert.deepEqual(await ourCookies(context), []);

    await page.click("#try-again");
    await page.waitForURL(`${idp.issuer}/interaction/*`);
    await provider.allow(page);
    await arriveAt(page, app.url, "/profile");
    await seesClaims(page, "ada");
  });
}
