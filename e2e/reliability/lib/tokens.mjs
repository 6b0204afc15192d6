// Keys, and access tokens of RFC 9068 signed with them.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

export const AUDIENCE = "api";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/// A few key pairs are enough for all providers: keys are told apart by their `kid`.
const pairs = [];
let made = 0;

/// A signing key with a `kid` of its own, and its JWK.
export function newKey() {
  const kid = `key-${++made}`;
  if (pairs.length < 3) pairs.push(generateKeyPairSync("rsa", { modulusLength: 2048 }));
  const { privateKey, publicKey } = pairs[made % pairs.length];
  return { kid, privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" } };
}

function payload(issuer) {
  const iat = Math.floor(Date.now() / 1000);
  const jti = randomBytes(12).toString("base64url");
  return encode({ iss: issuer, aud: AUDIENCE, sub: "ada", client_id: "demo-client", jti, iat, exp: iat + 3600 });
}

export function token(issuer, { kid, privateKey }) {
  const text = `${encode({ alg: "RS256", typ: "at+jwt", kid })}.${payload(issuer)}`;
  return `${text}.${sign("RSA-SHA256", Buffer.from(text), privateKey).toString("base64url")}`;
}

/// Different tokens of one key, to be taken in turn.
export function tokens(issuer, key, count = 20) {
  const all = Array.from({ length: count }, () => token(issuer, key));
  let next = 0;
  return () => all[next++ % count];
}

/// Tokens that are right in all but their signature, each with another `kid`.
export function strangers(issuer) {
  const rest = `${payload(issuer)}.${randomBytes(256).toString("base64url")}`;
  const run = randomBytes(6).toString("hex");
  let next = 0;
  return () => `${encode({ alg: "RS256", typ: "at+jwt", kid: `${run}-${next++}` })}.${rest}`;
}
