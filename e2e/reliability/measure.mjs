// The same faults for each contender, and a table of what became of its requests. `run` builds and calls this.
//
// What is counted or takes seconds is measured on all contenders at once; what is told by latency or memory, on one after
// the other.
import { cpus, loadavg } from "node:os";
import { CONTENDERS, memory, start, stopAll } from "./lib/contenders.mjs";
import { capacity, flood } from "./lib/flood.mjs";
import { percentile, served, sleep } from "./lib/load.mjs";
import { Provider, prepareBomb } from "./lib/provider.mjs";
import { Report } from "./lib/report.mjs";
import { strangers } from "./lib/tokens.mjs";

const QUICK = process.argv.includes("--quick");
const setting = (name, usual, quick) => Number(process.env[name] ?? (QUICK ? quick : usual));
const FLOOD_SECONDS = setting("FLOOD_SECONDS", 60, 10);
const OUTAGE_SECONDS = setting("OUTAGE_SECONDS", 60, 10);
/// Nothing is waited for longer than this.
const ROTATION_AT_MOST = QUICK ? 10_000 : 45_000;
const FETCH_AT_MOST = 12_000;
const RECOVERY_AT_MOST = 15_000;
/// Nothing hangs for ever, whatever a contender does.
const WHOLE_RUN = 10 * 60_000;

/// What else the machine does: the load before, and after each phase.
const loads = [loadavg()[0]];

const report = new Report(CONTENDERS.map(({ name }) => name));
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(milliseconds < 100 ? 3 : 1)} s`;
const ms = (milliseconds) => `${milliseconds.toFixed(1)} ms`;
const within = (milliseconds, atMost) => (milliseconds === null ? `not in ${atMost / 1000} s` : `after ${seconds(milliseconds)}`);
const percent = (answers) => `${((100 * served(answers)) / answers.length).toFixed(1).replace(/\.0$/, "")} %`;
const of = (answers) => `${served(answers)} of ${answers.length}`;

async function main() {
  const started = performance.now();
  setTimeout(() => fail(new Error("the run takes too long")), WHOLE_RUN).unref();
  await phase("cold start", () => oneByOne(coldStart));
  await phase("flood", () => oneByOne(flooded));
  await phase("outage, rotation, recovery", () => allAtOnce(outage, outageWithRefresh, wrongIssuer, rotation, startWhileDown, recovery));
  await phase("hang and drip", () => allAtOnce(hangAndDrip));
  await phase("sizes", () => oneByOne(sizes));
  await phase("bad answers", () => allAtOnce(badAnswers));
  const measured = `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${process.arch}, shared), Node ${process.versions.node}, ` +
    `load ${loads[0].toFixed(1)} before and ${Math.max(...loads).toFixed(1)} at most, flood ${FLOOD_SECONDS} s, outage ${OUTAGE_SECONDS} s; the run took ${Math.round((performance.now() - started) / 1000)} s`;
  report.finish(measured, { write: process.argv.includes("--write") });
  end(0);
}

async function phase(name, work) {
  const started = performance.now();
  await work();
  loads.push(loadavg()[0]);
  console.error(`${name}: ${seconds(performance.now() - started)}, load ${loads.at(-1).toFixed(1)}`);
}

async function oneByOne(measure) {
  for (const contender of CONTENDERS) await isolated(measure, contender);
}

const allAtOnce = (...measures) => Promise.all(measures.flatMap((measure) => CONTENDERS.map((contender) => isolated(measure, contender))));

/// A measurement with a provider of its own. What it starts ends with it.
async function isolated(measure, contender) {
  const provider = await Provider.start();
  const servers = [];
  const world = {
    contender,
    provider,
    cell: (row, text) => report.cell(row, contender.name, text),
    async start(options) {
      servers.push(await start(contender, provider, options));
      return servers.at(-1);
    },
    /// Started, and its keys fetched.
    async warm(extra) {
      const server = await this.start({ extra });
      const after = await server.caller.untilServed(provider.tokens(), { every: 50, atMost: 10_000 });
      if (after === null) throw new Error(`${contender.name}: does not serve a good token`);
      return server;
    },
  };
  try {
    await measure(world);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    provider.stop();
  }
}

/// The provider keeps its keys back until all have asked.
async function coldStart({ contender, provider, cell, start }) {
  let open;
  provider.gate = new Promise((resolve) => (open = resolve));
  const { caller } = await start({ connections: 100 });
  const token = provider.tokens();
  const asked = Array.from({ length: 100 }, () => caller.ask(token()));
  await sleep(500);
  open();
  const answers = await Promise.all(asked);
  const metadata = contender.noMetadata ? "–" : provider.count("metadata");
  cell("cold", `${metadata} and ${provider.count("keys")}, ${served(answers)} served`);
}

async function flooded(world) {
  const { provider, cell } = world;
  const { caller } = await world.warm();
  const old = provider.tokens();
  const most = await capacity(caller.url, Array.from({ length: 20 }, old));
  const perSecond = Math.round(most / 2);
  const before = await caller.forSeconds(old, 50, QUICK ? 2 : 6);

  const began = performance.now();
  const good = caller.atRate(old, 50);
  const flooding = flood(caller.url, provider.issuer, perSecond, FLOOD_SECONDS);
  await sleep((FLOOD_SECONDS * 1000) / 2);
  provider.rotate();
  const left = Math.min(20_000, (FLOOD_SECONDS * 1000) / 2 - 500);
  const seen = await caller.untilServed(provider.tokens(), { every: 100, atMost: left });
  const flooder = await flooding;
  const answers = await good.stop();

  const calm = calmer(before, await caller.forSeconds(old, 50, QUICK ? 2 : 6));
  cell("floodRate", `${most} → ${flooder.answeredPerSecond} (${statuses(flooder)})`);
  cell("floodFetches", provider.worstMinute(began));
  cell("floodRefused", `${answers.length - served(answers)} of ${answers.length}`);
  cell("floodLatency", latencies(calm, answers));
  cell("floodRotation", within(seen, left));
}

function statuses(flooder) {
  const total = Object.values(flooder.statuses).reduce((sum, count) => sum + count, 0);
  return Object.entries(flooder.statuses).map(([status, count]) => `${Math.round((100 * count) / total)} % ${status}`).join(", ");
}

async function rotation(world) {
  const { provider, cell } = world;
  const { caller } = await world.warm();
  await sleep(1000 - (performance.now() - provider.fetches.at(-1).at));
  provider.rotate();
  const began = performance.now();
  const token = provider.tokens();
  const load = caller.atRate(token, 200);
  const seen = await caller.untilServed(token, { every: 20, atMost: ROTATION_AT_MOST });
  await sleep(1000);
  const answers = await load.stop();
  const refused = answers.length - served(answers);
  const first = answers.find(({ status }) => status === 200)?.started;
  cell("rotation", `${within(seen && Math.min(seen, first - began), ROTATION_AT_MOST)}; ${refused} of ${answers.length} refused`);
}

/// Keys as each contender keeps them by itself, and each second a stranger's token, as happens.
async function outage(world) {
  world.cell("outage", await throughOutage(world, {}));
}

/// The same where a refresh of the keys falls due while the provider is away. Ours follow the provider's caching.
async function outageWithRefresh(world) {
  const refreshing = world.contender.refreshing?.(Math.ceil(OUTAGE_SECONDS / 3)) ?? {};
  world.provider.maxAge = 1;
  world.cell("outageRefresh", await throughOutage(world, refreshing));
}

async function throughOutage(world, extra) {
  const { provider } = world;
  const { caller } = await world.warm(extra);
  const [known, unknown] = [provider.tokens(), strangers(provider.issuer)];
  provider.down();
  const began = performance.now();
  const strangersLoad = caller.atRate(unknown, 1);
  const answers = await caller.forSeconds(known, 50, OUTAGE_SECONDS);
  await strangersLoad.stop();
  const attempts = provider.fetches.filter(({ what, at }) => what === "down" && at >= began).map(({ at }) => at);
  const gaps = attempts.slice(1).map((at, index) => ((at - attempts[index]) / 1000).toFixed(1));
  report.detail(`${world.contender.name}, outage${Object.keys(extra).length > 0 ? ` with ${JSON.stringify(extra)}` : ""}, max-age ${provider.maxAge}: seconds between attempts: ${gaps.slice(0, 20).join(" ")}`);
  return `${percent(answers)} of ${answers.length}; ${attempts.length} attempts`;
}

/// The periodic refresh of metadata comes after less than a minute, which is the least that ours keep it.
async function wrongIssuer(world) {
  const { provider, contender, cell } = world;
  if (contender.noMetadata) return cell("wrongIssuer", "reads no metadata");
  provider.maxAge = 1;
  const { caller } = await world.warm();
  provider.faults.metadata = "wrongIssuer";
  const began = performance.now();
  const answers = await caller.forSeconds(provider.tokens(), 10, OUTAGE_SECONDS);
  const fetched = provider.count("metadata", began);
  cell("wrongIssuer", fetched > 0 ? `${of(answers)} (fetched ${fetched} ×)` : `not fetched again; ${of(answers)}`);
}

async function startWhileDown({ provider, cell, start }) {
  provider.down();
  try {
    await start({ milliseconds: 5_000 });
    cell("startWhileDown", "yes");
  } catch {
    cell("startWhileDown", "no");
  }
}

/// First without any keys, then with keys of which none is the new one: both times the provider was away for 8 s, and good
/// tokens came all the while.
async function recovery(world) {
  const { provider, contender, cell } = world;
  if (!contender.needsProviderAtStart) provider.down();
  const { caller } = await world.start();
  provider.down();
  const cold = await comeBack(caller, provider);
  if (cold === null) await caller.untilServed(provider.tokens(), { every: 200, atMost: RECOVERY_AT_MOST });
  provider.rotate();
  provider.down();
  const rotated = await comeBack(caller, provider);
  cell("recoveryCold", within(cold, RECOVERY_AT_MOST));
  cell("recoveryRotated", within(rotated, RECOVERY_AT_MOST));
}

async function comeBack(caller, provider) {
  const token = provider.tokens();
  const load = caller.atRate(token, 20);
  await sleep(QUICK ? 3_000 : 8_000);
  provider.up();
  const after = await caller.untilServed(token, { every: 20, atMost: RECOVERY_AT_MOST });
  await load.stop();
  return after;
}

async function hangAndDrip(world) {
  const { provider, cell, contender } = world;
  const { caller } = await world.warm(contender.eager);
  await sleep(1200);
  const known = provider.tokens();
  const idle = () => caller.forSeconds(known, 100, 5, FETCH_AT_MOST);
  const before = await idle();
  const meanwhile = {};
  for (const fault of ["hang", "drip"]) {
    provider.faults.keys = fault;
    const token = provider.rotate() && provider.token();
    const load = caller.atRate(known, 100, FETCH_AT_MOST);
    const began = performance.now();
    await sleep(200);
    const waited = await caller.ask(token, FETCH_AT_MOST);
    const fetched = provider.count("keys", began) > 0;
    meanwhile[fault] = await load.stop();
    cell(fault, fetched ? answered(waited) : "no fetch was made");
    provider.recover();
    await caller.untilServed(() => token, { every: 200, atMost: RECOVERY_AT_MOST });
    await sleep(1200);
  }
  const calm = calmer(before, await idle());
  for (const [fault, answers] of Object.entries(meanwhile)) cell(`${fault}Latency`, `${latencies(calm, answers)}, ${of(answers)} served`);
}

/// Others use the machine too: the better of two idle times is compared with.
const calmer = (...idle) => idle.reduce((best, next) => (percentile(next, 99) < percentile(best, 99) ? next : best));

function latencies(idle, busy) {
  const [before, during] = [percentile(idle, 99), percentile(busy, 99)];
  const median = `${ms(percentile(idle, 50))} → ${ms(percentile(busy, 50))}`;
  return `${ms(before)} → ${ms(during)} (${(during / before).toFixed(1)} ×), median ${median}`;
}

const answered = ({ status, milliseconds }) => (status === 0 ? `no answer in ${seconds(milliseconds)}` : `${status} after ${seconds(milliseconds)}`);

async function sizes({ contender }) {
  for (const fault of ["big", "bomb"]) await isolated((world) => tooLarge(world, fault), contender);
}

async function tooLarge(world, fault) {
  const { provider, cell, contender } = world;
  const server = await world.warm(contender.eager);
  await server.caller.forSeconds(provider.tokens(), 200, 1.2);
  const token = provider.rotate() && provider.token();
  if (fault === "bomb") prepareBomb(provider);
  provider.faults.keys = fault;
  const used = memory(server);
  const began = performance.now();
  const answer = await server.caller.ask(token, FETCH_AT_MOST);
  const fetched = provider.count("keys", began) > 0;
  const outcome = answer.status === 200 ? `taken, ${seconds(answer.milliseconds)}` : answered(answer);
  cell(fault, fetched ? `${outcome}, +${used.extra().toFixed(1)} MiB` : "no fetch was made");
}

async function badAnswers({ contender }) {
  await Promise.all(["empty", "html", "truncated", "manyKeys"].map((fault) => isolated((world) => badAnswer(world, fault), contender)));
}

async function badAnswer(world, fault) {
  const { provider, cell, contender } = world;
  const { caller } = await world.warm(contender.eager);
  await sleep(1500);
  const known = provider.tokens();
  provider.rotate();
  provider.faults.keys = fault;
  const began = performance.now();
  const { status } = await caller.ask(provider.token());
  const fetched = provider.count("keys", began) > 0;
  const answers = await caller.forSeconds(known, 20, 1);
  cell(fault, fetched ? `${of(answers)}${status === 200 ? ", and the new key" : ""}` : "no fetch was made");
}

function fail(error) {
  console.error(error);
  end(1);
}

function end(code) {
  stopAll();
  Provider.stopAll();
  process.exit(code);
}

main().catch(fail);
