// Compiles each crate without features, and with each feature alone: a feature that forgot what it needs fails here.
import { execFileSync, spawnSync } from "node:child_process";

const metadata = JSON.parse(
  execFileSync("cargo", ["metadata", "--no-deps", "--format-version", "1"], { encoding: "utf8", maxBuffer: 1 << 26 }),
);

const failed = [];
for (const { name, features } of metadata.packages) {
  for (const chosen of [[], ...Object.keys(features).map((feature) => ["--features", feature])]) {
    const args = ["check", "--quiet", "-p", name, "--no-default-features", ...chosen];
    console.log(`cargo ${args.join(" ")}`);
    if (spawnSync("cargo", args, { stdio: "inherit" }).status !== 0) failed.push(args.join(" "));
  }
}
for (const args of failed) console.log(`failed: cargo ${args}`);
process.exit(failed.length === 0 ? 0 : 1);
