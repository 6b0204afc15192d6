// A provider on another site posts its answer, with a field of its own beside it, as Apple does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ourCookies, provider, seesClaims } from "./lib/browser.mjs";
import { startFront } from "./lib/front.mjs";
import { stage } from "./lib/stage.mjs";

// Apple sends it once, unsigned: it is nothing to believe.
const USER = JSON.stringify({ name: { firstName: "Mallory", lastName: "O'<b>" }, email: "mallory@relay.example" });

for (const example of ["axum", "rouille"]) {
  test(`${example}: a cross-site POST with the field user signs in, on https`, { timeout: 90_000 }, async (t) => {
    const { front, page, idp, context, shot } = await behindTls(t, { example, act: "apple", edit: addUser });
    await page.goto(`${front.url}/profile`);
    const [login] = await context.cookies(front.url);
    assert.match(login.name, /^__Host-oidc-login-/);
    const { httpOnly, secure, sameSite, path, domain } = login;
    assert.deepEqual(
      { httpOnly, secure, sameSite, path, domain },
      { httpOnly: true, secure: true, sameSite: "None", path: "/", domain: "localhost" },
    );

    await provider.signIn(page, idp.issuer, "ada");
    const callback = page.waitForRequest(`${front.url}/callback`);
    await provider.allow(page);
    const request = await callback;
    assert.equal(request.method(), "POST");
    const headers = await request.allHeaders();
    assert.deepEqual([headers["sec-fetch-site"], headers.origin], ["cross-site", idp.issuer]);
    assert.equal(new URLSearchParams(request.postData()).get("user"), USER);
    assert.equal((await request.response()).status(), 303);

    await page.waitForURL(`${front.url}/profile`);
    await seesClaims(page, "ada of the tests", "ada@example.com");
    assert.doesNotMatch(await page.locator("main").innerText(), /mallory/i, "what was posted beside is not believed");
    await shot("1-profile");
    const session = await context.cookies(front.url);
    assert.deepEqual(session.map(({ name }) => name.replace(/\.\d$/, "")).filter((name) => name !== "__Host-oidc-session"), []);
    for (const cookie of session) {
      assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite], [true, true, "Lax"]);
    }
  });

  test(`${example}: a posted answer of another state is refused, and can be tried again`, { timeout: 90_000 }, async (t) => {
    let tampering = true;
    const edit = (ctx) => tampering && changeState(ctx);
    const { front, page, idp, context, shot } = await behindTls(t, { example, act: "apple-state", edit });
    await page.goto(`${front.url}/profile`);
    const before = await ourCookies(context);
    await provider.signIn(page, idp.issuer, "ada");
    const callback = page.waitForResponse(`${front.url}/callback`);
    await provider.allow(page);
    const answer = await callback;
    assert.equal(answer.status(), 400);
    assert.equal((await answer.allHeaders())["cache-control"], "no-store");
    await page.waitForSelector("main#error");
    await shot("1-refused");
    assert.match(await page.locator("main#error").innerText(), /cannot be finished[^]*Start again[^]*Code: state_mismatch/);
    assert.deepEqual(idp.grants, [], "no code was redeemed");
    assert.deepEqual(await ourCookies(context), before, "whoever forges a state ends no sign-in, and begins no session");

    tampering = false;
    await page.click("#try-again");
    await page.waitForURL(`${front.url}/`);
    assert.match(await page.locator("main").innerText(), /Hello, ada of the tests/);
  });
}

/// The example behind a TLS terminator on another host than the provider's.
async function behindTls(t, { edit, ...run }) {
  const front = await startFront("localhost");
  t.after(() => front.stop());
  const stand = await stage(t, {
    ...run,
    mode: "form_post",
    url: front.url,
    env: { OIDC_REDIRECT_URI: `${front.url}/callback` },
    idp: { edit },
    browser: { ignoreHTTPSErrors: true },
  });
  front.to(stand.app.url);
  return { front, ...stand };
}

function addUser(ctx) {
  const value = USER.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
  editForm(ctx, (html) => html.replace("</form>", `<input type="hidden" name="user" value="${value}"/></form>`));
}

function changeState(ctx) {
  editForm(ctx, (html) => html.replace(/(name="state" value=")(.)/, (_, start, first) => start + (first === "A" ? "B" : "A")));
}

/// Only the page that posts to the relying party.
function editForm(ctx, edit) {
  if (typeof ctx.body === "string" && ctx.body.includes("/callback")) ctx.body = edit(ctx.body);
}
