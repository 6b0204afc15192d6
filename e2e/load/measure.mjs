// Requests a second of one route, with and without protection: wrk on one core, the server on another, the contenders in
// turns. Prints a table; `--write` puts it into docs/performance.md.
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { start, stopAll } from "../reliability/lib/contenders.mjs";
import { Provider } from "../reliability/lib/provider.mjs";
import { AUDIENCE } from "../reliability/lib/tokens.mjs";

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
const CONTENDERS = [
  ...["axum", "rouille"].flatMap((web) => ["open", "verified", "remembered"].map((protection) => ours(web, protection))),
  { web: "axum 0.7", protection: "jwt-authorizer 0.15", command: on(0, process.env.JWT_AUTHORIZER), environment: peer },
  {
    web: "node:http",
    protection: "jose 6.2",
    command: on(0, process.execPath, new URL("../reliability/peers/jose.mjs", import.meta.url).pathname),
    environment: peer,
  },
];

/// Requests a second, of which there must be some, and each must succeed. The provider lives in this process, so it must
/// not be blocked meanwhile.
async function load(url, token) {
  const headers = ["-H", `authorization: Bearer ${token}`];
  const [program, ...args] = on(1, "wrk", "-t1", `-c${CONNECTIONS}`, `-d${SECONDS}s`, ...headers, url);
  const { stdout: said } = await promisify(execFile)(program, args, { encoding: "utf8" });
  const rate = Number(said.match(/Requests\/sec:\s+([\d.]+)/)[1]);
  if (/Non-2xx|Socket errors/.test(said) || rate === 0) throw new Error(`${url}: ${said}`);
  return rate;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

async function measure() {
  const provider = await Provider.start();
  const running = [];
  for (const contender of CONTENDERS) {
    const name = `${contender.web}, ${contender.protection}`;
    running.push({ ...contender, ...(await start({ ...contender, name }, provider, { connections: 1 })), rates: [] });
  }
  const token = provider.token();
  // Each warms up, and leaves its one connection to nobody.
  for (const { caller } of running) {
    caller.close();
    await load(caller.url, token);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contender of running) contender.rates.push(await load(contender.caller.url, token));
  }
  return running.map(({ web, protection, rates }) => ({ web, protection, rate: median(rates) }));
}

function table(results) {
  const lines = results.map(({ web, protection, rate }) => {
    const open = results.find((other) => other.web === web && other.protection === "open");
    const ratio = open ? (rate / open.rate).toFixed(2) : "";
    return `| ${web} | ${protection} | ${Math.round(rate).toLocaleString("en")} | ${ratio} |`;
  });
  return ["| server | protection | requests/s | of the same without |", "|---|---|--:|--:|", ...lines].join("\n");
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
