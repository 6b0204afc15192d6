// Requests a second of one route, with and without protection: wrk on one core, the server on another, the contenders in
// turns. Prints a table; `--write` puts it into docs/performance.md.
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { freeUrl } from "../lib/ports.mjs";
import { clientId, SECRET, startProvider } from "../lib/provider.mjs";
import { start, stopAll } from "../reliability/lib/contenders.mjs";
import { Provider } from "../reliability/lib/provider.mjs";
import { AUDIENCE } from "../reliability/lib/tokens.mjs";
import { signIn } from "./sign-in.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 7);
const SECONDS = Number(process.env.SECONDS_EACH ?? 2);
const CONNECTIONS = 16;

const peer = (provider) => ({ ISSUER: provider.issuer, AUDIENCE, JWKS_URI: provider.jwksUri, LISTEN: "127.0.0.1:0" });
const on = (core, ...command) => ["taskset", "-c", String(core), ...command];
const ours = (web, protection) => ({
  web,
  protection,
  command: on(0, process.env.LOAD_SERVER, web, protection),
  environment: peer,
});
const node = (script, ...args) => on(0, process.execPath, new URL(script, import.meta.url).pathname, ...args);
/// Where people have signed in: `at` is where it listens, which its provider must know.
const session = (auth) => (provider, at) => ({
  ISSUER: provider.issuer,
  CLIENT_ID: clientId(auth),
  CLIENT_SECRET: SECRET,
  LISTEN: new URL(at).host,
});
const CONTENDERS = [
  ...["axum", "rouille"].flatMap((web) => ["open", "verified", "remembered"].map((protection) => ours(web, protection))),
  { web: "axum 0.7", protection: "jwt-authorizer 0.15", command: on(0, process.env.JWT_AUTHORIZER), environment: peer },
  {
    web: "node:http",
    protection: "jose 6.2",
    command: node("../reliability/peers/jose.mjs"),
    environment: peer,
  },
  { ...ours("axum", "session"), environment: session("basic"), signsIn: true },
  { web: "express 5", protection: "open", command: node("peer/server.mjs", "open"), environment: session("post") },
  {
    web: "express 5",
    protection: "express-openid-connect 3.4",
    command: node("peer/server.mjs", "session"),
    environment: session("post"),
    signsIn: true,
  },
];

/// Requests a second, and microseconds of the server's CPU for each; there must be some, and each must succeed. The
/// providers live in this process, so it must not be blocked meanwhile.
async function load({ pid, url, credentials }) {
  const [program, ...args] = on(1, "wrk", "-t1", `-c${CONNECTIONS}`, `-d${SECONDS}s`, "-H", credentials, url);
  const before = cpu(pid);
  const { stdout: said } = await promisify(execFile)(program, args, { encoding: "utf8" });
  const rate = Number(said.match(/Requests\/sec:\s+([\d.]+)/)[1]);
  if (/Non-2xx|Socket errors/.test(said) || rate === 0) throw new Error(`${url}: ${said}`);
  return { rate, cost: (cpu(pid) - before) / Number(said.match(/(\d+) requests in/)[1]) };
}

/// Microseconds of CPU that a process has had; the kernel counts hundredths of a second.
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

async function measure() {
  const provider = await Provider.start();
  const places = await Promise.all(CONTENDERS.map(freeUrl));
  const signedIn = await startProvider({ appUrls: places, signedIn: true });
  const running = [];
  for (const [index, contender] of CONTENDERS.entries()) {
    const { web, protection, command, environment, signsIn } = contender;
    const environmentThere = () => environment(environment === peer ? provider : signedIn, places[index]);
    const started = await start({ name: `${web}, ${protection}`, command, environment: environmentThere }, provider, { connections: 1 });
    const { url } = started.caller;
    // It leaves its one connection to nobody.
    started.caller.close();
    const credentials = signsIn ? `cookie: ${await signIn(new URL(url).origin)}` : `authorization: Bearer ${provider.token()}`;
    running.push({ web, protection, pid: started.pid, url, credentials, loads: [] });
    // Each warms up.
    await load(running.at(-1));
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contender of running) contender.loads.push(await load(contender));
  }
  await signedIn.stop();
  return running.map(({ web, protection, loads }) => {
    const of = (what) => median(loads.map((found) => found[what]));
    return { web, protection, rate: of("rate"), cost: of("cost") };
  });
}

function table(results) {
  const lines = results.map(({ web, protection, rate, cost }) => {
    const open = results.find((other) => other.web === web && other.protection === "open");
    const ratio = open ? (rate / open.rate).toFixed(2) : "";
    const costs = open ? (open.cost / cost).toFixed(2) : "";
    return `| ${web} | ${protection} | ${Math.round(rate).toLocaleString("en")} | ${ratio} | ${cost.toFixed(2)} | ${costs} |`;
  });
  return ["| server | protection | requests/s | of the same without | CPU, µs a request | of the same without |", "|---|---|--:|--:|--:|--:|", ...lines].join("\n");
}

try {
  const found = table(await measure());
  console.log(found);
  if (process.argv.includes("--write")) {
    const file = new URL("../../docs/performance.md", import.meta.url);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(/\| server [\s\S]*?\|\n(?!\|)/, `${found}\n`));
  }
} finally {
  stopAll();
  Provider.stopAll();
}
