// A TLS terminator before an example, as most deployments have one.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

/// Listens on a free port under this name. `to` tells it where the example is.
export async function startFront(name) {
  let target;
  const server = createServer(selfSigned(name), (incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const onward = request(target, { method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://${name}:${server.address().port}`,
    to: (url) => (target = url),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function selfSigned(name) {
  const folder = mkdtempSync(join(tmpdir(), "oidc-front-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((file) => join(folder, file));
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const args = ["req", "-x509", ...curve, "-days", "2", "-subj", `/CN=${name}`, "-keyout", key, "-out", cert];
  execFileSync("openssl", args, { stdio: "pipe" });
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return pair;
}
