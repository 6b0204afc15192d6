// A page's websocket by the session's cookie: its life, and that no other site's page opens one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { signIn, stage } from "./lib/stage.mjs";

for (const example of ["axum", "actix", "rouille"]) {
  test(`${example}: a page's websocket is open until its person signs out`, { timeout: 60_000 }, async (t) => {
    const { app, idp, page, context, shot } = await stage(t, { example, act: "websocket" });
    await signIn({ app, idp }, page, { path: "/socket" });
    await isState(page, "open");
    await page.fill("#text", "hello <b>Ada</b>");
    await page.click("#say button");
    await page.locator("#log li", { hasText: "hello <b>Ada</b>" }).waitFor();
    await shot("open");

    const other = await context.newPage();
    await other.goto(`${app.url}/profile`);
    await other.click("#sign-out");
    await isState(page, "closed: 1008 signed_out");
    await page.click("#again");
    await isState(page, "refused or lost");
  });

  test(`${example}: a websocket by cookie is not for another origin's page`, { timeout: 60_000 }, async (t) => {
    const { app, idp, page } = await stage(t, { example, act: "foreign-websocket" });
    await signIn({ app, idp }, page, { path: "/socket" });
    await isState(page, "open");
    const address = (await page.getAttribute("#socket", "data-address")) || `${app.url.replace("http", "ws")}/ws`;
    assert.deepEqual(await opens(page, address), { opened: true });
    // The same host, so the cookie goes along.
    await page.goto(`${idp.issuer}/.well-known/openid-configuration`);
    assert.deepEqual(await opens(page, address), { closed: 1006 });
  });
}

const isState = (page, state) => page.locator("#state", { hasText: new RegExp(`^${state}$`) }).waitFor();

/// What becomes of a websocket that this page opens.
const opens = (page, address) =>
  page.evaluate(
    (address) =>
      new Promise((resolve) => {
        const socket = new WebSocket(address);
        socket.onopen = () => resolve({ opened: true });
        socket.onclose = ({ code }) => resolve({ closed: code });
      }),
    address,
  );
