// Runs the examples that `e2e/run` built.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export { freeUrl } from "./ports.mjs";

export const ARTIFACTS = new URL("../artifacts/", import.meta.url).pathname;
mkdirSync(ARTIFACTS, { recursive: true });

const EXAMPLES = process.env.OIDC_EXAMPLES;
if (!EXAMPLES) throw new Error("OIDC_EXAMPLES names the folder of the built examples: call e2e/run");

// A test that fails half-way leaves no process behind.
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/// Starts a server example and waits until it listens. Its output ends in `artifacts/NAME.log`.
export async function startServer(example, { url, log, env }) {
  const child = start(example, [], { LISTEN: new URL(url).host, ...env });
  const output = collect(child, [child.stdout, child.stderr]);
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    writeFileSync(join(ARTIFACTS, `${log}.log`), output.text);
  };
  try {
    await output.until(`listening on ${url}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, output, stop };
}

/// Runs a probe to its end: its exit code, and its JSON lines.
export async function runProbe(example, options) {
  const child = start(example, argumentsOf(options), {});
  const stdout = collect(child, [child.stdout]);
  const stderr = collect(child, [child.stderr]);
  const [code] = await once(child, "close");
  const lines = stdout.text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return { code, lines, stderr: stderr.text };
}

/// Runs a server whose settings are bad to its end, which comes by itself.
export async function runServer(example, env) {
  const child = start(example, [], env);
  const output = collect(child, [child.stdout, child.stderr]);
  const [code] = await once(child, "close");
  return { code, output: output.text };
}

/// `{ "client-id": "c", userinfo: true, refresh: false }` → `--client-id c --userinfo`
function argumentsOf(options) {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === false || value === undefined) return [];
    return value === true ? [`--${name}`] : [`--${name}`, String(value)];
  });
}

/// The caller's OIDC_* and LISTEN* variables are not the test's.
function start(example, args, env) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(OIDC_|LISTEN)/.test(name));
  const child = spawn(join(EXAMPLES, example), args, {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.on("exit", () => running.delete(child));
  return child;
}

function collect(child, streams) {
  const output = { text: "" };
  for (const stream of streams) {
    stream.setEncoding("utf8");
    stream.on("data", (text) => (output.text += text));
  }
  output.until = (wanted, milliseconds = 15_000) =>
    new Promise((resolve, reject) => {
      const look = () => output.text.includes(wanted) && finish(resolve);
      const fail = (why) => finish(() => reject(new Error(`${why}, before "${wanted}" was printed:\n${output.text}`)));
      const onExit = (code) => fail(`exit code ${code}`);
      const onError = (error) => fail(error.message);
      const timer = setTimeout(() => fail(`${milliseconds} ms passed`), milliseconds);
      const finish = (end) => {
        clearTimeout(timer);
        streams.forEach((stream) => stream.off("data", look));
        child.off("close", onExit).off("error", onError);
        end();
      };
      streams.forEach((stream) => stream.on("data", look));
      child.on("close", onExit).on("error", onError);
      look();
    });
  return output;
}
