// npm's jose behind node:http, as its documentation shows it: `GET /api/whoami` for whoever has a good token.
// ISSUER, AUDIENCE and JWKS_URI are required; COOLDOWN_MS and CACHE_MS replace its defaults (30 s and 10 min).
import { createServer } from "node:http";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const { ISSUER, AUDIENCE, JWKS_URI, COOLDOWN_MS, CACHE_MS } = process.env;
const milliseconds = (text) => (text === undefined ? undefined : Number(text));
const keys = createRemoteJWKSet(new URL(JWKS_URI), {
  cooldownDuration: milliseconds(COOLDOWN_MS),
  cacheMaxAge: milliseconds(CACHE_MS),
});
const rules = { issuer: ISSUER, audience: AUDIENCE, algorithms: ["RS256"], typ: "at+jwt" };

async function answer(request) {
  if (request.url !== "/api/whoami") return [404, {}];
  const token = request.headers.authorization?.match(/^Bearer (\S+)$/)?.[1];
  if (!token) return [401, {}];
  try {
    return [200, (await jwtVerify(token, keys, rules)).payload];
  } catch (error) {
    return [isTheTokensFault(error) ? 401 : 503, { error: error.code ?? error.name }];
  }
}

/// What else fails is for want of keys.
function isTheTokensFault({ code = "" }) {
  return /^ERR_(JWT|JWS|JOSE_ALG|JWKS_NO_MATCHING|JWKS_MULTIPLE)/.test(code);
}

const server = createServer({ keepAliveTimeout: 120_000 }, async (request, response) => {
  const [status, body] = await answer(request);
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
});
server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
