// Both drivers' stores with a real Redis: see e2e/stores.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";

test("both drivers' stores keep their contract with a real Redis", { timeout: 200_000 }, async (t) => {
  const program = process.env.OIDC_STORES;
  assert.ok(program, "OIDC_STORES names the built program: call e2e/run");
  const { error, stdout, stderr } = await run(program);
  for (const line of stdout.split("\n").filter(Boolean)) t.diagnostic(line);
  assert.equal(error, null, stdout + stderr);
});

const run = (program) =>
  new Promise((resolve) => execFile(program, { timeout: 180_000 }, (error, stdout, stderr) => resolve({ error, stdout, stderr })));
