// What does not fit between a provider and its settings, the probes say in one line each.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { generateKeyPairSync, sign } from "node:crypto";
import { after, before, test } from "node:test";
import { runProbe } from "./lib/examples.mjs";

const PROBES = ["probe-tokio", "probe-blocking"];
const CALLBACK = "http://127.0.0.1:9/callback";
const KEY = generateKeyPairSync("rsa", { modulusLength: 2048 });

/// `metadata`, `keys`, `claims` and `token` change what a good provider says; `issuer` what the probe is told of it.
const CASES = [
  {
    name: "metadata with a trailing slash",
    metadata: ({ issuer }) => ({ issuer: `${issuer}/` }),
    says: ["discovery", "issuer_mismatch", /differ only by a trailing slash/],
  },
  {
    name: "ID tokens with a trailing slash",
    claims: ({ iss }) => ({ iss: `${iss}/` }),
    says: ["id_token", "claim_invalid", /`iss` and the configured issuer differ only by a trailing slash/],
  },
  {
    name: "metadata of many tenants",
    metadata: () => ({ issuer: "https://login.microsoftonline.com/{tenantid}/v2.0" }),
    says: ["discovery", "issuer_mismatch", /speaks for many tenants[^]*ProviderProfile::entra/],
  },
  {
    name: "no address for sign-ins",
    metadata: () => ({ authorization_endpoint: undefined }),
    says: ["discovery", "no_endpoint", /the provider has no authorization_endpoint/],
  },
  {
    name: "an address that is plain http",
    metadata: () => ({ token_endpoint: "http://sso.example/token" }),
    says: ["discovery", "provider_insecure", /token_endpoint is neither https nor on loopback/],
  },
  {
    name: "algorithms that are not allowed here",
    metadata: () => ({ id_token_signing_alg_values_supported: ["ES256", "HS256"] }),
    says: ["discovery", "provider_unsupported", /it signs with "ES256 HS256"/],
  },
  {
    name: "a login page in place of the metadata",
    answer: { "/.well-known/openid-configuration": [200, "text/html", "<title>Please sign in</title>"] },
    says: ["discovery", "provider_content_type", /discovery: answered "text\/html" instead of JSON/],
  },
  {
    name: "metadata that has moved",
    answer: { "/.well-known/openid-configuration": [302, "text/plain", ""] },
    says: ["discovery", "provider_status", /answered 302; redirects are not followed/],
  },
  {
    name: "no metadata there",
    answer: { "/.well-known/openid-configuration": [404, "text/html", "no"] },
    says: ["discovery", "provider_status", /discovery: answered 404/],
  },
  {
    name: "a key set without keys, as of Authentik without a signing key",
    keys: () => ({ keys: undefined }),
    says: ["id_token", "keys_unavailable", /no usable keys/],
    logs: /member \\?"keys\\?" is missing/,
  },
  {
    name: "another way to authenticate",
    metadata: () => ({ token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"] }),
    token: () => [401, { error: "invalid_client" }],
    says: ["token", "provider_error", /takes "client_secret_post private_key_jwt", configured is "client_secret_basic"/],
  },
  {
    name: "a client that is not known",
    token: () => [401, { error: "invalid_client", error_description: "unknown client" }],
    says: ["token", "provider_error", /invalid_client": "unknown client"/],
  },
  {
    name: "no ID token",
    token: ({ answer }) => [200, { ...answer, id_token: undefined }],
    says: ["token", "id_token_missing", /was the scope openid granted/],
  },
  {
    name: "an ID token for another client",
    claims: () => ({ aud: "somebody-else" }),
    says: ["id_token", "claim_invalid", /claim `aud` is not acceptable/],
  },
  {
    name: "a nonce that is forgotten",
    claims: () => ({ nonce: undefined }),
    says: ["id_token", "claim_invalid", /claim `nonce` is not acceptable/],
  },
  {
    name: "a clock that is five minutes fast",
    claims: ({ iat }) => ({ iat: iat + 300 }),
    says: ["id_token", "claim_invalid", /claim `iat` is not acceptable/],
  },
  {
    name: "userinfo of somebody else",
    userinfo: () => ({ sub: "somebody-else" }),
    says: ["userinfo", "subject_mismatch", /another subject than the ID token/],
  },
];

let provider;
before(async () => (provider = await start()));
after(() => provider.stop());

for (const { name, says, logs, ...peculiar } of CASES) {
  test(`${name} is explained in one line by both probes`, { timeout: 60_000 }, async () => {
    for (const probe of PROBES) {
      provider.peculiar = peculiar;
      const { code, lines, stderr } = await runProbe(probe, {
        issuer: provider.issuer,
        "client-id": "client",
        "client-secret": "secret",
        "redirect-uri": CALLBACK,
        userinfo: true,
      });
      assert.equal(lines.length, 1, stderr);
      const { ok, step, code: found, message } = lines[0];
      const [at, expected, text] = says;
      assert.deepEqual([code, ok, step, found], [1, false, at, expected], message);
      assert.match(message, text);
      assert.ok(!message.includes("\n"));
      if (logs) assert.match(stderr, logs);
    }
  });
}

test("nothing is said of a provider that is right", { timeout: 60_000 }, async () => {
  for (const probe of PROBES) {
    provider.peculiar = {};
    const options = { issuer: provider.issuer, "client-id": "client", "client-secret": "secret", "redirect-uri": CALLBACK };
    const { code, lines } = await runProbe(probe, { ...options, userinfo: true });
    assert.deepEqual([code, lines[0].ok], [0, true], JSON.stringify(lines));
  }
});

/// A provider that answers at once, and as `peculiar` says.
async function start() {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, running.issuer);
    const [status, type, body, headers] = await answerTo(url, request);
    response.writeHead(status, { "content-type": type, ...headers }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const nonces = [];
  const running = {
    issuer,
    peculiar: {},
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  const json = (status, value) => [status, "application/json", JSON.stringify(value)];

  async function answerTo(url, request) {
    const { metadata, keys, claims, token, userinfo, answer = {} } = running.peculiar;
    if (answer[url.pathname]) return answer[url.pathname];
    const query = Object.fromEntries(url.searchParams);
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return json(200, { ...metadataOf(issuer), ...metadata?.({ issuer }) });
      case "/jwks":
        return json(200, { keys: [{ ...KEY.publicKey.export({ format: "jwk" }), kid: "1" }], ...keys?.() });
      case "/authorize":
        nonces.push(query.nonce);
        return [302, "text/plain", "", { location: `${query.redirect_uri}?code=code&state=${query.state}` }];
      case "/token": {
        for await (const _ of request);
        const good = claimsOf(issuer, nonces.at(-1));
        const idToken = signed({ ...good, ...claims?.(good) });
        const tokens = { access_token: "opaque", token_type: "Bearer", id_token: idToken };
        return json(...(token?.({ answer: tokens }) ?? [200, tokens]));
      }
      case "/userinfo":
        return json(200, { sub: "ada", ...userinfo?.() });
      default:
        return [404, "text/plain", ""];
    }
  }
  return running;
}

const metadataOf = (issuer) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  userinfo_endpoint: `${issuer}/userinfo`,
  jwks_uri: `${issuer}/jwks`,
  id_token_signing_alg_values_supported: ["RS256"],
});

function claimsOf(issuer, nonce) {
  const iat = Math.floor(Date.now() / 1000);
  return { iss: issuer, sub: "ada", aud: "client", nonce, iat, exp: iat + 600 };
}

function signed(claims) {
  const text = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${text({ alg: "RS256", kid: "1" })}.${text(claims)}`;
  return `${input}.${sign("sha256", input, KEY.privateKey).toString("base64url")}`;
}
