// Providers that are Python packages: a folder below providers/ with its requirements, a virtual environment that
// `e2e/run` made of them, and a `serve.py`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ARTIFACTS, freeUrl } from "./examples.mjs";

const PROVIDERS = new URL("../providers/", import.meta.url).pathname;

// Where tests end early, what they started ends, too.
const running = new Set();
process.on("exit", () => running.forEach((end) => end()));

/// Starts `providers/NAME` on a free loopback port and waits until it answers at `path`. Its output ends in
/// `artifacts/LOG.log`. `env`: what its `serve.py` asks for, besides LISTEN, and FOLDER, which is removed at its end.
export async function startPython(name, { path, log, env }) {
  const python = join(PROVIDERS, name, ".venv/bin/python");
  if (!existsSync(python)) throw new Error(`${name} is not installed: call e2e/run`);
  const url = await freeUrl();
  const folder = mkdtempSync(join(tmpdir(), `oidc-${name}-`));
  const logFile = join(ARTIFACTS, `${log}.log`);
  const output = openSync(logFile, "w");
  const child = spawn(python, ["-B", "-u", join(PROVIDERS, name, "serve.py")], {
    cwd: folder,
    env: { PATH: process.env.PATH, LISTEN: new URL(url).host, FOLDER: folder, ...env },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const ended = once(child, "exit");
  const end = () => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  running.add(end);
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
    end();
    running.delete(end);
  };
  try {
    await answers(`${url}${path}`, child);
  } catch (error) {
    await stop();
    throw new Error(`${name} does not start: ${error.message}\n${readFileSync(logFile, "utf8")}`);
  }
  return { url, stop };
}

/// Polls until there is a good answer, for as long as the process lives, and at most 30 seconds.
async function answers(url, child) {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`exit code ${child.exitCode}`);
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.ok) return;
  }
  throw new Error("30 seconds passed");
}
