// The life of a websocket: open, until whoever opened it may no longer be there.
"use strict";
const element = (id) => document.getElementById(id);
const { address } = element("socket").dataset;
let socket;

function open() {
  show("opening …", false);
  socket = new WebSocket(address || `${location.origin.replace(/^http/, "ws")}/ws`);
  socket.onopen = () => show("open", true);
  socket.onmessage = ({ data }) => log(data);
  // 1006 is all that a page is told of a handshake that was refused, or of a connection that broke.
  socket.onclose = ({ code, reason }) => show(code === 1006 ? "refused or lost" : `closed: ${code} ${reason}`, false);
}

function show(state, isOpen) {
  element("state").textContent = state;
  element("again").hidden = isOpen;
  element("say").hidden = !isOpen;
}

function log(text) {
  const line = document.createElement("li");
  line.textContent = text;
  element("log").append(line);
}

element("again").onclick = open;
element("say").onsubmit = (event) => {
  event.preventDefault();
  socket.send(element("text").value);
  element("say").reset();
};
open();
