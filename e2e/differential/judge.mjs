// npm's jose, as its documentation shows it, on the tokens that the two Rust libraries and core have judged.
// judge.mjs FILE [--write]: FILE is what `differential` wrote; --write puts the table into docs/differential.md.
// Exit code 0: every difference is explained by a rule, and no token is taken that all others refuse. 1: not so.
import { readFile, writeFile } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createLocalJWKSet, jwtVerify } from "jose";

const PEERS = ["openidconnect", "jsonwebtoken", "jose"];
const WAYS = ["takes", "refuses"];
const AT_ONCE = 200;
const SHOWN = 40;

const [file, ...options] = process.argv.slice(2);
const rules = JSON.parse(await readFile(new URL("../../benches/peers/known.json", import.meta.url), "utf8"));

async function main() {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity })[Symbol.asyncIterator]();
  const asked = JSON.parse((await lines.next()).value);
  const jose = judge(asked);
  const tally = new Tally();
  for (let batch = await take(lines); batch.length > 0; batch = await take(lines)) {
    const verdicts = await Promise.all(batch.map(jose));
    batch.forEach((token, index) => tally.add(token, { ...token, jose: verdicts[index] }));
  }
  const faults = tally.report(asked);
  if (tally.tokens !== asked.tokens) faults.push(`${asked.tokens} tokens were made, and ${tally.tokens} are in ${file}`);
  console.log(tally.table());
  for (const fault of faults.slice(0, SHOWN)) console.error(fault);
  console.error(`${tally.summary(asked)}; ${faults.length} faults`);
  if (faults.length > 0) process.exit(1);
  if (options.includes("--write")) await write(tally, asked);
}

async function take(lines) {
  const batch = [];
  while (batch.length < AT_ONCE) {
    const { value, done } = await lines.next();
    if (done) break;
    batch.push(JSON.parse(value));
  }
  return batch;
}

function judge({ issuer, audience, leeway, keys }) {
  const sets = Object.fromEntries(Object.entries(keys).map(([name, set]) => [name, createLocalJWKSet(set)]));
  const checks = { issuer, audience, algorithms: ["RS256"], clockTolerance: leeway, requiredClaims: ["exp", "iat", "sub"] };
  return async ({ token, keys, now }) => {
    try {
      await jwtVerify(token, sets[keys], { ...checks, currentDate: new Date(now * 1000) });
      return true;
    } catch {
      return false;
    }
  };
}

class Tally {
  tokens = 0;
  unchanged = 0;
  accepted = 0;
  byRule = new Map();
  counts = new Map();
  faults = [];

  add({ number, ids, bad, ours, token }, verdicts) {
    this.tokens += 1;
    const accepted = ours === "ok";
    if (ids.length === 0) this.unchanged += 1;
    if (accepted) this.accepted += 1;
    const told = `token ${number} ${JSON.stringify(ids)} ${ours} ${JSON.stringify(token.slice(0, 3000))}`;
    if (accepted && !PEERS.some((peer) => verdicts[peer])) this.faults.push(`we take what all others refuse: ${told}`);
    for (const id of ids) bump(this.byRule, id);
    for (const peer of PEERS.filter((peer) => verdicts[peer] !== accepted)) {
      const way = accepted ? "refuses" : "takes";
      const explaining = explanation(accepted ? ids : bad, peer, way);
      if (explaining.length === 0) this.faults.push(`unexplained: ${peer} ${way} ${told}`);
      for (const id of [...explaining, "all"]) bump(this.counts, `${id} ${peer} ${way}`);
    }
  }

  report({ enough }) {
    const known = Object.entries(rules).flatMap(([id, rule]) =>
      PEERS.flatMap((peer) => (rule[peer] ?? []).map((way) => `${id} ${peer} ${way}`)));
    const unseen = known.filter((difference) => !this.counts.has(difference));
    return [...this.faults, ...(enough ? unseen.map((difference) => `known, and not seen: ${difference}`) : [])];
  }

  summary({ seed }) {
    const { tokens, unchanged, accepted } = this;
    return `${tokens} tokens of seed ${seed}: ${unchanged} unchanged, ${accepted} taken by us`;
  }

  table() {
    const columns = PEERS.flatMap((peer) => WAYS.map((way) => `${peer} ${way}`));
    const row = (cells) => `| ${cells.join(" | ")} |`;
    const counted = (id) => columns.map((column) => this.counts.get(`${id} ${column}`) ?? "");
    const differs = (id) => counted(id).some((count) => count !== "");
    const tried = Object.keys(rules).filter((id) => this.byRule.has(id)).sort(order);
    return [
      row(["rule", "what is changed", "tokens", ...PEERS.flatMap((peer) => [`${peer} takes, we refuse`, "refuses, we take"])]),
      row(["---", "---", ...columns.map(() => "--:"), "--:"]),
      ...tried.filter(differs).map((id) => row([id, rules[id].what, this.byRule.get(id), ...counted(id)])),
      row(["all", "each token once", this.tokens, ...counted("all")]),
      "",
      `No difference: ${tried.filter((id) => !differs(id)).map((id) => `${id} (${rules[id].what})`).join(", ")}.`,
    ].join("\n");
  }
}

/// The rules that a difference comes of. A token that breaks two is explained only if the other is lenient about both.
function explanation(ids, peer, way) {
  const known = ids.filter((id) => rules[id]?.[peer]?.includes(way));
  return way === "refuses" || known.length === ids.length ? known : [];
}

function bump(counts, name) {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/// T, S, C, as a token is read.
function order(a, b) {
  return "TSC".indexOf(a[0]) - "TSC".indexOf(b[0]) || a.localeCompare(b);
}

async function write(tally, asked) {
  const page = new URL("../../docs/differential.md", import.meta.url);
  const { version } = JSON.parse(await readFile(new URL("node_modules/jose/package.json", import.meta.url), "utf8"));
  const day = new Date(asked.now * 1000).toISOString().slice(0, 10);
  const measured = `Run on ${day}: ${tally.summary(asked)}. jose ${version}, Node ${process.versions.node}. 0 faults.`;
  const text = await readFile(page, "utf8");
  const [before, rest] = text.split("<!-- measured -->\n");
  const after = rest?.split("<!-- /measured -->\n")[1];
  if (after === undefined) throw new Error("docs/differential.md has no place for the table");
  await writeFile(page, `${before}<!-- measured -->\n${measured}\n\n${tally.table()}\n<!-- /measured -->\n${after}`);
}

await main();
