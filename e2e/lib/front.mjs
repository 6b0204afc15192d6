// A TLS terminator before an example, as most deployments have one.
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:https";
import { issueCertificate } from "./certificates.mjs";

/// Listens on a free port under this name. `to` tells it where the example is.
export async function startFront(name) {
  let target;
  const { key, cert } = await issueCertificate({ type: "dns", value: name });
  const server = createServer({ key, cert }, (incoming, outgoing) => {
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
