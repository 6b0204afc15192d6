// The certified npm oidc-provider on a free loopback port.
//
// Two moods: with its own login and consent pages, for a browser; and `signedIn`, where every authorize request meets a
// person who signed in and agreed before, so that it answers at once, for the probes.
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import Provider from "oidc-provider";

// Characters that form encoding changes: RFC 6749, section 2.3.1, asks for it inside Basic, too.
export const SECRET = "0123456789+abcdef/%20:&=ghijklmnop~qrstuvwxyz";
export const RESOURCE = "urn:example:api";

export const ALGORITHMS = ["RS256", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
const AUTH_METHODS = {
  basic: "client_secret_basic",
  post: "client_secret_post",
  secret_jwt: "client_secret_jwt",
  private_key_jwt: "private_key_jwt",
  none: "none",
};

/// A client per way to authenticate and algorithm: `basic-rs256`, `none-rs512` …
export const clientId = (auth, alg = "RS256") => `${auth}-${alg.toLowerCase()}`;

/// `clientKeys`: public keys of the clients that prove themselves by one, as JWKs.
/// `appUrls`: base URLs of the relying parties that may be sent back to. `tls`: key and certificate, to speak https.
/// `backChannel`: where a sign-out is told. `settings`: more of the provider's own. `edit`: called with each of its answers.
export async function startProvider({ appUrls, signedIn = false, tls, backChannel, clientKeys, settings, edit }) {
  const server = tls ? createTlsServer(tls) : createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `${tls ? "https" : "http"}://127.0.0.1:${server.address().port}`;

  const keys = signingKeys();
  const provider = new Provider(issuer, {
    ...configuration(appUrls, signedIn, keys, backChannel, clientKeys),
    ...settings,
  });
  // Only for the eye of who reads a failed run.
  const errors = [];
  provider.on("server_error", (_ctx, error) => errors.push(error));
  provider.on("grant.error", (_ctx, error) => errors.push(error));
  provider.on("authorization.error", (_ctx, error) => errors.push(error));
  provider.on("backchannel.error", (_ctx, error) => errors.push(error));
  // What the token endpoint was asked for, and whether it gave it.
  const grants = [];
  const noteGrant = (ok) => ({ oidc }) =>
    grants.push({ ok, type: oidc.params?.grant_type, grantId: oidc.entities.Grant?.jti });
  provider.on("grant.success", noteGrant(true));
  provider.on("grant.error", noteGrant(false));
  // The logout tokens that the relying party took.
  const logouts = [];
  provider.on("backchannel.success", (_ctx, _client, sub, sid) => logouts.push({ sub, sid }));
  if (signedIn) provider.use(signInFirst(provider));
  if (edit) {
    provider.use(async (ctx, next) => {
      await next();
      edit(ctx);
    });
  }
  server.on("request", provider.callback());

  return {
    issuer,
    errors,
    grants,
    logouts,
    sign: (header, claims) => signed(keys, header, claims),
    revokeGrant: async (grantId) => (await provider.Grant.find(grantId)).destroy(),
    accessToken: () => accessToken(issuer),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function configuration(appUrls, signedIn, keys, backChannel, clientKeys) {
  return {
    clients: [...clients(appUrls, backChannel, clientKeys), machineClient()],
    jwks: { keys: Object.values(keys).map((key) => key.jwk) },
    cookies: { keys: ["only for tests"], short: { signed: false }, long: { signed: false } },
    claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"] },
    // The app shows the ID token's claims; a strict provider leaves name and email to userinfo.
    conformIdTokenClaims: false,
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    // It calls nobody at a loopback address of itself, and there is nobody else here.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => claimsOf(id) }),
    features: {
      devInteractions: { enabled: !signedIn },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: backChannel !== undefined },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: "read",
          audience: RESOURCE,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    ...(signedIn && { loadExistingGrant: agreeToEverything }),
  };
}

function clients(appUrls, backChannel, clientKeys = []) {
  const withKeys = ([auth]) => auth !== "private_key_jwt" || clientKeys.length > 0;
  return Object.entries(AUTH_METHODS).filter(withKeys).flatMap(([auth, method]) =>
    ALGORITHMS.map((alg) => ({
      client_id: clientId(auth, alg),
      ...(!["none", "private_key_jwt"].includes(auth) && { client_secret: SECRET }),
      ...(auth === "private_key_jwt" && { jwks: { keys: clientKeys } }),
      token_endpoint_auth_method: method,
      id_token_signed_response_alg: alg,
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: appUrls.map((url) => `${url}/callback`),
      post_logout_redirect_uris: appUrls.map((url) => `${url}/logged-out`),
      ...(backChannel && { backchannel_logout_uri: backChannel, backchannel_logout_session_required: true }),
    })),
  );
}

function machineClient() {
  return {
    client_id: "machine",
    client_secret: SECRET,
    token_endpoint_auth_method: "client_secret_post",
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
  };
}

/// Without `alg`: one RSA key signs all its clients' algorithms, as at many providers.
function signingKeys() {
  const keys = {
    RS256: ["e2e", generateKeyPairSync("rsa", { modulusLength: 2048 })],
    ES256: ["e2e-ec", generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ES384: ["e2e-p384", generateKeyPairSync("ec", { namedCurve: "P-384" })],
    EdDSA: ["e2e-ed25519", generateKeyPairSync("ed25519")],
  };
  return Object.fromEntries(
    Object.entries(keys).map(([alg, [kid, { privateKey: key }]]) => [
      alg,
      { key, kid, jwk: { ...key.export({ format: "jwk" }), kid, use: "sig" } },
    ]),
  );
}

/// A token by the key that the header's `alg` names; without a signature for `none`.
function signed(keys, header, claims) {
  const { key, kid } = keys[header.alg] ?? {};
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const input = `${encode({ ...(kid && { kid }), ...header })}.${encode(claims)}`;
  const signature = key ? sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }) : Buffer.alloc(0);
  return `${input}.${signature.toString("base64url")}`;
}

function claimsOf(id) {
  return { sub: id, name: `${id} of the tests`, preferred_username: id, email: `${id}@example.com`, email_verified: true };
}

/// Gives an authorize request without a session the cookie of someone who signed in a moment ago.
function signInFirst(provider) {
  return async (ctx, next) => {
    if (ctx.path === "/auth" && !ctx.get("cookie")) {
      const session = new provider.Session();
      session.loginAccount({ accountId: "ada" });
      await session.save(600);
      ctx.req.headers.cookie = `${provider.cookieName("session")}=${session.id}`;
    }
    await next();
  };
}

async function agreeToEverything({ oidc }) {
  const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
  grant.addOIDCScope(oidc.params.scope);
  await grant.save();
  return grant;
}

/// An RFC 9068 access token for RESOURCE.
async function accessToken(issuer) {
  const answer = await fetch(`${issuer}/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: "machine",
      client_secret: SECRET,
      resource: RESOURCE,
      scope: "read",
    }),
  });
  if (!answer.ok) throw new Error(`token endpoint: ${answer.status} ${await answer.text()}`);
  return (await answer.json()).access_token;
}
