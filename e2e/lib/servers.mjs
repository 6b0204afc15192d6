// Servers that stand beside the examples: Redis, and nginx as a load balancer. Each has a folder of its own, and a free
// loopback port.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freeUrl } from "./examples.mjs";

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/// One that has written what it has confirmed, so that it can be stopped and started again.
export async function startRedis() {
  const folder = newFolder("redis");
  const port = new URL(await freeUrl()).port;
  const options = { port, bind: "127.0.0.1", dir: folder, save: "", appendonly: "yes", appendfsync: "always" };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  let child;
  const redis = {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      child = await run("redis-server", args, port);
    },
    async stop() {
      await end(child);
    },
    /// Connections stay, and nobody answers.
    pause: () => child.kill("SIGSTOP"),
    goOn: () => child.kill("SIGCONT"),
    async remove() {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await redis.start();
  return redis;
}

/// Sends each request to the instance that its header `x-instance` names, else to each in turn. `instances`: `{ name: url }`.
export async function startBalancer({ url, instances }) {
  const folder = newFolder("nginx");
  mkdirSync(join(folder, "tmp"));
  writeFileSync(join(folder, "nginx.conf"), balancing(new URL(url).host, instances));
  const child = await run("nginx", ["-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")], new URL(url).port);
  return {
    url,
    async stop() {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function balancing(listen, instances) {
  const all = Object.entries(instances).map(([name, url]) => [name, new URL(url).host]);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path tmp/${kind};`);
  return `
    daemon off;
    master_process off;
    pid nginx.pid;
    events {}
    http {
      access_log off;
      ${temporary.join("\n")}
      upstream any { ${all.map(([, host]) => `server ${host};`).join(" ")} }
      ${all.map(([name, host]) => `upstream ${name} { server ${host}; }`).join("\n")}
      map $http_x_instance $instance { default any; ${all.map(([name]) => `${name} ${name};`).join(" ")} }
      server {
        listen ${listen};
        location / {
          proxy_pass http://$instance;
          proxy_set_header Host $http_host;
          proxy_next_upstream off;
        }
      }
    }`;
}

function newFolder(kind) {
  return mkdtempSync(join(tmpdir(), `oidc-${kind}-`));
}

/// Until its port takes connections.
async function run(program, args, port) {
  const child = spawn(program, args, { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }, stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (text) => (errors += text));
  child.on("error", (error) => (errors += error.message));
  running.add(child);
  child.on("exit", () => running.delete(child));
  for (let tries = 0; tries < 100; tries += 1) {
    if (await takesConnections(port)) return child;
    if (child.exitCode !== null) break;
    await sleep(50);
  }
  throw new Error(`${program} does not start: ${errors}`);
}

function takesConnections(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (taken) => () => resolve(taken, socket.destroy());
    socket.on("connect", end(true)).on("error", end(false));
  });
}

/// By force: what was confirmed is written, and a process that is paused hears nothing else.
async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}
