// A provider, an example that trusts it, and a browser: what most tests of people need.
import { arriveAt, openBrowser, provider, screenshot } from "./browser.mjs";
import { freeUrl, startServer } from "./examples.mjs";
import { SECRET, clientId, startProvider } from "./provider.mjs";

/// `act` names the screenshots and the log. `env`: more settings of the example. `idp`: more of the provider's, and
/// `browser`: of the browser's. `url`: the example's base URL for the world, where something stands before it.
export async function stage(t, { example, act, auth = "basic", alg = "RS256", mode = "query", url, env, ...more }) {
  const name = `${example}-${auth}-${alg}-${mode}-${act}`;
  const listen = await freeUrl();
  const base = url ?? listen;
  const idp = await startProvider({ appUrls: [base], backChannel: `${base}/backchannel-logout`, ...more.idp });
  t.after(() => idp.stop());
  const app = await startServer(example, {
    url: listen,
    log: name,
    env: {
      OIDC_ISSUER: idp.issuer,
      OIDC_CLIENT_ID: clientId(auth, alg),
      ...(auth !== "none" && { OIDC_CLIENT_SECRET: SECRET }),
      OIDC_CLIENT_AUTH: auth,
      OIDC_ALGORITHMS: alg,
      OIDC_RESPONSE_MODE: mode,
      ...env,
    },
  });
  t.after(() => app.stop());
  const { page, context, another, close } = await openBrowser(more.browser);
  const shot = (what, of = page) => screenshot(of, `${name}-${what}`);
  t.after(() => shot("end"));
  t.after(close);
  return { app, idp, page, context, another, shot };
}

/// Signs a person in who was signed in nowhere, on the way to `path`.
export async function signIn({ app, idp }, page, { name = "ada", path = "/profile" } = {}) {
  await page.goto(`${app.url}${path}`);
  await provider.signIn(page, idp.issuer, name);
  await provider.allow(page);
  await arriveAt(page, app.url, path);
}
