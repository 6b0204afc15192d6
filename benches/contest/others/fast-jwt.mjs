// fast-jwt with its cache, asked for rounds as the contender in Rust is: see ../src/bin/contender.rs. A token is verified
// once and then found in the cache.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createVerifier } from "fast-jwt";

const [kind, file] = process.argv.slice(2);
const all = JSON.parse(readFileSync(file, "utf8"));
const { token, audience, nonce } = all[kind];
const { kid } = JSON.parse(Buffer.from(token.split(".")[0], "base64url"));
const jwk = all.jwks.keys.find((key) => key.kid === kid);
const key = createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "pem" });
const verify = createVerifier({
  key,
  algorithms: ["RS256"],
  allowedIss: all.issuer,
  allowedAud: audience,
  allowedNonce: nonce,
  requiredClaims: ["exp"],
  clockTolerance: 60_000,
  cache: true,
});

for await (const line of createInterface({ input: process.stdin })) {
  const begin = process.cpuUsage();
  for (let time = Number(line); time > 0; time -= 1) verify(token);
  const { user, system } = process.cpuUsage(begin);
  console.log((user + system) * 1000);
}
