// The contenders: how each is started, and what is read of its process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Caller } from "./load.mjs";
import { AUDIENCE } from "./tokens.mjs";

const OURS = (provider) => ({
  OIDC_ISSUER: provider.issuer,
  OIDC_CLIENT_ID: "demo-client",
  OIDC_CLIENT_SECRET: "demo-secret",
  OIDC_AUDIENCE: AUDIENCE,
  LISTEN: "127.0.0.1:0",
  RUST_LOG: "off",
});

const PEER = (provider) => ({ ISSUER: provider.issuer, AUDIENCE, JWKS_URI: provider.jwksUri, LISTEN: "127.0.0.1:0" });

/// `eager`: environment with which a contender fetches again a second after a fetch, which some faults need to be met at
/// all. `refreshing`: with which a known key is refreshed within so many seconds.
export const CONTENDERS = [
  { name: "oidc-tokio, axum", ours: true, command: [process.env.AXUM_EXAMPLE], environment: OURS },
  { name: "oidc-blocking, rouille", ours: true, command: [process.env.ROUILLE_EXAMPLE], environment: OURS },
  {
    name: "jose 6.2.18, node:http",
    command: [process.execPath, new URL("../peers/jose.mjs", import.meta.url).pathname],
    environment: PEER,
    eager: { COOLDOWN_MS: "1000" },
    refreshing: (seconds) => ({ CACHE_MS: String(seconds * 1000) }),
    noMetadata: true,
  },
  {
    name: "jwt-authorizer 0.15.0, axum",
    command: [process.env.JWT_AUTHORIZER],
    environment: PEER,
    eager: { REFRESH_SECONDS: "1", RETRY_SECONDS: "1" },
    refreshing: (seconds) => ({ STRATEGY: "interval", REFRESH_SECONDS: String(seconds) }),
    needsProviderAtStart: true,
  },
];

const running = new Set();
process.on("exit", stopAll);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

export function stopAll() {
  running.forEach((child) => child.kill("SIGKILL"));
}

/// Starts a contender and waits until it listens; fails if it ends before, or does not within the time.
export async function start(contender, provider, { extra = {}, milliseconds = 10_000, connections = 16 } = {}) {
  const [command, ...args] = contender.command;
  const { PATH } = process.env;
  const env = { PATH, ...contender.environment(provider), ...extra };
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const caller = await Caller.connect(await address(child, contender.name, milliseconds), connections);
  return {
    pid: child.pid,
    caller,
    stop() {
      caller.close();
      return stop(child);
    },
  };
}

async function stop(child) {
  if (!running.has(child)) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

function address(child, name, milliseconds) {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (why) => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`${name}: ${why}: ${output.slice(-500)}`));
    };
    const timer = setTimeout(() => fail("does not listen"), milliseconds);
    child.once("exit", () => fail("ended"));
    child.once("error", (error) => fail(error.message));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output = (output + text).slice(-4000);
        const found = output.match(/listening on (http:\/\/127\.0\.0\.1:\d+)\s/);
        if (!found) return;
        clearTimeout(timer);
        resolve(`${found[1]}/api/whoami`);
      });
    }
  });
}

/// How much memory a process has come to hold at most since `mark` was called, in MiB.
export function memory({ pid }) {
  const field = (name) => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`${name}:\\s+(\\d+) kB`))[1]) / 1024;
  // 5 sets the peak back to what is held now.
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const before = field("VmRSS");
  return { extra: () => Math.max(0, field("VmHWM") - before) };
}
