// Independent providers beside npm's: how each is started, what it calls a person, and the pages people walk through.
import { randomUUID } from "node:crypto";
import { SECRET } from "./provider.mjs";
import { startPython } from "./python.mjs";

export const CLIENT = { OIDC_CLIENT_ID: "example", OIDC_CLIENT_SECRET: SECRET };
const PERSON = { USER_NAME: "ada", PASSWORD: randomUUID() };

/// `announcingIss`: what makes it send RFC 9207's `iss`, and say so in its metadata.
export const PROVIDERS = {
  /// Flask and Authlib. It calls people by their user names.
  canaille: {
    sub: "ada",
    announcingIss: {},
    start: (options) => start("canaille", "", options),
    loginPage: "input[name=login]",
    async signIn(page) {
      await page.fill("input[name=login]", PERSON.USER_NAME);
      await page.click("button[type=submit]");
      await page.fill("input[name=password]", PERSON.PASSWORD);
      await page.click("button[type=submit]");
    },
    consentPage: "button[name=answer][value=accept]",
    allow: (page) => page.click("button[name=answer][value=accept]"),
    deny: (page) => page.click("button[name=answer][value=deny]"),
    /// It does not ask: the ID token tells who signs out.
    async confirmSignOut() {},
  },
  /// Django, oauthlib and jwcrypto. It calls people by their numbers.
  django: {
    sub: "1",
    announcingIss: { RESPONSE_ISS: "1" },
    start: (options) => start("django", "/o", options),
    loginPage: "input[name=username]",
    async signIn(page) {
      await page.fill("input[name=username]", PERSON.USER_NAME);
      await page.fill("input[name=password]", PERSON.PASSWORD);
      await page.click("input[type=submit]");
    },
    consentPage: "input[name=allow]",
    allow: (page) => page.click("input[name=allow]"),
    deny: (page) => page.click("input[type=submit]:not([name])"),
    confirmSignOut: (page) => page.click("input[name=allow][value=Logout]"),
  },
};

/// `app`: the base URL of its one client. `settings`: more variables of its `serve.py`.
async function start(name, path, { app, log, settings }) {
  const { OIDC_CLIENT_ID: CLIENT_ID, OIDC_CLIENT_SECRET: CLIENT_SECRET } = CLIENT;
  const env = { ...PERSON, APP: app, CLIENT_ID, CLIENT_SECRET, ...settings };
  const { url, stop } = await startPython(name, { path: `${path}/.well-known/openid-configuration`, log, env });
  return { issuer: `${url}${path}`, stop };
}
