// Headless Chromium, new and empty each time, and the pages a person walks through.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { ARTIFACTS } from "./examples.mjs";

export async function openBrowser(options = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-proxy-server",
      // The provider's pages ask for a web font: nothing leaves this machine.
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ],
  });
  /// Somebody else's browser, as far as cookies go.
  const another = async () => {
    const context = await browser.newContext({ viewport: { width: 1000, height: 760 }, ...options });
    context.setDefaultTimeout(15_000);
    return { page: await context.newPage(), context };
  };
  return { ...(await another()), another, close: () => browser.close() };
}

export async function screenshot(page, name) {
  await page.screenshot({ path: join(ARTIFACTS, `${name}.png`), fullPage: true });
}

/// Waits until the page is `path` of the server at `base`; the query is nobody's business here.
export async function arriveAt(page, base, path) {
  await page.waitForURL((url) => url.origin === base && url.pathname === path);
}

/// The names of the cookies our side set; a browser keeps them by host, so the provider's are there, too.
export async function ourCookies(context) {
  return (await context.cookies()).map(({ name }) => name).filter((name) => /^(__Host-)?oidc-/.test(name));
}

/// Loads a page of ours that ends somewhere: the answer that the browser was left with.
export async function load(page, url) {
  const answer = await page.goto(url);
  return { status: answer.status(), headers: await answer.allHeaders(), first: await firstAnswer(answer) };
}

/// The answer that began a chain of redirects.
async function firstAnswer(answer) {
  let request = answer.request();
  while (request.redirectedFrom()) request = request.redirectedFrom();
  const first = await request.response();
  return { status: first.status(), headers: await first.allHeaders() };
}

/// oidc-provider's own pages.
export const provider = {
  async signIn(page, issuer, name) {
    await page.waitForURL(`${issuer}/interaction/*`);
    await page.fill("input[name=login]", name);
    await page.fill("input[name=password]", "any");
    await page.click("button.login-submit");
    await page.waitForSelector("input[name=prompt][value=consent]", { state: "attached" });
  },
  async allow(page) {
    await page.click("button.login-submit");
  },
  async deny(page) {
    await page.click("a[href$='/abort']");
  },
  async confirmSignOut(page, issuer) {
    await page.waitForURL(`${issuer}/session/end*`);
    await page.click("button[name=logout]");
  },
};

/// What the profile must show, whoever is the provider.
export async function seesClaims(page, ...texts) {
  const claims = await page.locator("table#claims").innerText();
  for (const text of texts) assert.ok(claims.includes(text), `"${text}" is missing in the claims:\n${claims}`);
}
