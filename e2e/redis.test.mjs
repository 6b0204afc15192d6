// Both drivers' stores with a real Redis: see e2e/stores.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

test("both drivers' stores keep their contract with a real Redis", { timeout: 300_000 }, (t) => {
  const program = process.env.OIDC_STORES;
  assert.ok(program, "OIDC_STORES names the built program: call e2e/run");
  const { status, stdout, stderr } = spawnSync(program, { encoding: "utf8" });
  for (const line of stdout.split("\n").filter(Boolean)) t.diagnostic(line);
  assert.equal(status, 0, stdout + stderr);
});
