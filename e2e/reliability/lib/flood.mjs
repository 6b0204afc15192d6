// Load on a thread of its own, so that its work does not count as other requests' waiting.
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Caller, sleep } from "./load.mjs";
import { strangers } from "./tokens.mjs";

/// What would take more connections is skipped.
const CONNECTIONS = 64;

/// As many requests with these tokens as are answered over 32 connections: how many in the best of three seconds, since
/// the machine is shared.
export const capacity = (url, tokens) => run({ kind: "capacity", url, tokens });

/// So many requests a second, each with a `kid` nobody has: how many a second were answered, and with what.
export const flood = (url, issuer, perSecond, seconds) => run({ kind: "flood", url, issuer, perSecond, seconds });

function run(job) {
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
}

async function measureCapacity({ url, tokens }) {
  const caller = await Caller.connect(url, 32);
  const served = [0, 0, 0];
  const started = performance.now();
  const second = () => Math.floor((performance.now() - started) / 1000);
  const callAgain = async (_, index) => {
    for (; second() < served.length; index++) {
      const { status } = await caller.ask(tokens[index % tokens.length]);
      if (status === 200 && second() < served.length) served[second()] += 1;
    }
  };
  await Promise.all(Array.from({ length: 32 }, callAgain));
  caller.close();
  return Math.max(...served);
}

async function runFlood({ url, issuer, perSecond, seconds }) {
  const caller = await Caller.connect(url, CONNECTIONS);
  const next = strangers(issuer);
  const started = performance.now();
  const statuses = {};
  const passed = () => (performance.now() - started) / 1000;
  let due = 0;
  while (passed() < seconds) {
    for (; due < passed() * perSecond; due++) {
      if (caller.free === 0) continue;
      caller.ask(next()).then(({ status }) => (statuses[status] = (statuses[status] ?? 0) + 1));
    }
    await sleep(5);
  }
  const answered = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  const report = { answeredPerSecond: Math.round(answered / seconds), statuses: { ...statuses } };
  caller.close();
  return report;
}

if (!isMainThread) {
  const measured = workerData.kind === "flood" ? await runFlood(workerData) : await measureCapacity(workerData);
  parentPort.postMessage(measured);
  parentPort.close();
}
