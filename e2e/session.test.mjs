// Ways through a sign-in that are not the straight one: two tabs, the back button, and a sign-in that took too long.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load, ourCookies, provider, seesClaims } from "./lib/browser.mjs";
import { stage } from "./lib/stage.mjs";

const CANNOT_FINISH = /cannot be finished[^]*started too long ago, in another browser, or has been used already[^]*Start again/;

for (const example of ["axum", "rouille"]) {
  test(`${example}: two tabs sign in at once, and each gets where it was going`, { timeout: 90_000 }, async (t) => {
    const { app, idp, page: first, context, shot } = await stage(t, { example, act: "tabs" });
    const second = await context.newPage();
    await first.goto(`${app.url}/profile`);
    await second.goto(`${app.url}/profile?tab=2`);
    assert.equal((await loginCookies(context)).length, 2, "a sign-in each");

    await provider.signIn(second, idp.issuer, "ada");
    await provider.allow(second);
    await second.waitForURL(`${app.url}/profile?tab=2`);
    await seesClaims(second, "ada@example.com");
    assert.equal((await loginCookies(context)).length, 1, "the other tab's is still under way");
    await shot("1-second", second);

    await first.fill("input[name=login]", "ada");
    await first.fill("input[name=password]", "any");
    await first.click("button.login-submit");
    await first.waitForURL(`${app.url}/profile`);
    await seesClaims(first, "ada@example.com");
    await shot("2-first", first);
    assert.deepEqual(await loginCookies(context), [], "both are done");
    assert.deepEqual(idp.grants.map(({ ok, type }) => [ok, type]), Array(2).fill([true, "authorization_code"]));

    for (const tab of [first, second]) assert.equal((await tab.reload()).status(), 200);
    assert.equal(second.url(), `${app.url}/profile?tab=2`);
    await seesClaims(second, "ada");
  });

  test(`${example}: going back, and opening the callback again, redeems nothing and ends nothing`, { timeout: 90_000 }, async (t) => {
    const { app, idp, page, context, shot } = await stage(t, { example, act: "back" });
    let callback;
    page.on("request", (request) => {
      if (request.url().startsWith(`${app.url}/callback?`)) callback ??= request.url();
    });
    await page.goto(`${app.url}/profile`);
    const logins = await loginCookies(context);
    await provider.signIn(page, idp.issuer, "ada");
    await provider.allow(page);
    await page.waitForURL(`${app.url}/profile`);
    assert.deepEqual(await loginCookies(context), []);
    assert.equal(idp.grants.length, 1);
    const session = await sessionCookies(context);
    assert.ok(session.length > 0);
    for (const cookie of session) {
      const { httpOnly, sameSite, path, domain } = cookie;
      assert.deepEqual({ httpOnly, sameSite, path, domain }, { httpOnly: true, sameSite: "Lax", path: "/", domain: "127.0.0.1" });
    }

    // What the provider shows there is its own affair; from there, the person gets forth again.
    await page.goBack();
    assert.ok(page.url().startsWith(idp.issuer), page.url());
    await page.goForward();
    await page.waitForURL(`${app.url}/profile`);
    await seesClaims(page, "ada");

    const again = await load(page, callback);
    await shot("1-callback-again");
    assert.equal(again.status, 400);
    assert.equal(again.headers["cache-control"], "no-store");
    assert.equal(again.headers["referrer-policy"], "no-referrer", "the code in the address goes nowhere");
    assert.match(await page.locator("main#error").innerText(), CANNOT_FINISH);
    assert.match(await page.locator("main#error").innerText(), /Code: state_mismatch/);

    // A thief of the login cookie, too, finds that it has been used.
    await context.addCookies(logins);
    const replayed = await load(page, callback);
    assert.equal(replayed.status, 400);
    assert.match(await page.locator("main#error").innerText(), CANNOT_FINISH);
    assert.deepEqual(await loginCookies(context), [], "it is taken away");
    assert.match(await page.getAttribute("#try-again", "href"), /^\/login\?return_to=%2Fprofile$/);
    assert.equal(idp.grants.length, 1, "the provider was not asked again");

    assert.deepEqual(values(await sessionCookies(context)), values(session), "the session is untouched");
    await page.goto(`${app.url}/profile`);
    await seesClaims(page, "ada");

    await page.goto(callback);
    await page.click("#try-again");
    await page.waitForURL(`${app.url}/`);
    assert.match(await page.locator("main").innerText(), /Hello, ada of the tests/);
    assert.equal(idp.grants.length, 2, "a sign-in of its own");
    await page.goBack();
    await page.goForward();
    await page.goto(`${app.url}/profile`);
    await seesClaims(page, "ada");
  });

  test(`${example}: a sign-in that took too long says so, and starts again`, { timeout: 90_000 }, async (t) => {
    const { app, idp, page, context, shot } = await stage(t, { example, act: "late" });
    await page.goto(`${app.url}/profile?late`);
    const [login] = await loginCookies(context);
    const lifetime = login.expires - Date.now() / 1000;
    assert.ok(lifetime > 500 && lifetime <= 600, `${lifetime} s`);
    assert.deepEqual([login.httpOnly, login.sameSite, login.path], [true, "Lax", "/"]);
    await provider.signIn(page, idp.issuer, "ada");
    await context.clearCookies({ name: login.name });

    const callback = page.waitForResponse((answer) => answer.url().startsWith(`${app.url}/callback?`));
    await provider.allow(page);
    const answer = await callback;
    assert.equal(answer.status(), 400);
    assert.equal((await answer.allHeaders())["cache-control"], "no-store");
    await page.waitForSelector("main#error");
    await shot("1-expired");
    assert.match(await page.locator("main#error").innerText(), CANNOT_FINISH);
    assert.deepEqual(await ourCookies(context), []);
    assert.deepEqual(idp.grants, [], "no code was redeemed");

    await page.click("#try-again");
    await page.waitForURL(`${app.url}/`);
    assert.match(await page.locator("main").innerText(), /Hello, ada of the tests/);
    assert.deepEqual(await loginCookies(context), []);
  });
}

async function loginCookies(context) {
  return (await context.cookies()).filter(({ name }) => /^oidc-\d+-login-/.test(name));
}

async function sessionCookies(context) {
  return (await context.cookies()).filter(({ name }) => /^oidc-\d+-session/.test(name));
}

const values = (cookies) => cookies.map(({ name, value }) => [name, value]);
