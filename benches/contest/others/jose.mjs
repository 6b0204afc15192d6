// jose, asked for rounds as the contender in Rust is: see ../src/bin/contender.rs.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createLocalJWKSet, jwtVerify } from "jose";

const [kind, file] = process.argv.slice(2);
const all = JSON.parse(readFileSync(file, "utf8"));
const { token, audience, nonce } = all[kind];
const keys = createLocalJWKSet(all.jwks);
const options = { algorithms: ["RS256"], issuer: all.issuer, audience, requiredClaims: ["exp"], clockTolerance: 60 };

async function verify() {
  const { payload } = await jwtVerify(token, keys, options);
  if (payload.nonce !== nonce) throw new Error("another nonce");
}

for await (const line of createInterface({ input: process.stdin })) {
  const begin = process.cpuUsage();
  for (let time = Number(line); time > 0; time -= 1) await verify();
  const { user, system } = process.cpuUsage(begin);
  console.log((user + system) * 1000);
}
