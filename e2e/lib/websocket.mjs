// As much of a websocket's client as it takes to see how one ends.
import { once } from "node:events";
import { request } from "node:http";

/// Opens one; `closed` comes with the code and the reason of the server's first frame, which closes it.
export async function openWebsocket(url, headers) {
  const handshake = {
    connection: "upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const opening = request(url.replace(/^ws/, "http"), { headers: { ...handshake, ...headers } }).end();
  opening.on("response", ({ statusCode }) => opening.emit("error", new Error(`refused: ${statusCode}`)));
  const [, socket, first] = await once(opening, "upgrade");
  return { closed: farewell(socket, first) };
}

async function farewell(socket, bytes) {
  while (bytes.length < 2 || bytes.length < 2 + bytes[1]) bytes = Buffer.concat([bytes, (await once(socket, "data"))[0]]);
  socket.destroy();
  return { close: bytes[0] === 0x88, code: bytes.readUInt16BE(2), reason: bytes.toString("utf8", 4, 2 + bytes[1]) };
}
