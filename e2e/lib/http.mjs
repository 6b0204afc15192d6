// A sign-in without a browser, at a provider that answers without a page.
import assert from "node:assert/strict";

export async function signInByHttp(url) {
  const jar = cookieJar();
  const visit = async (path) => {
    const answer = await fetch(`${url}${path}`, { headers: { cookie: jar.header() }, redirect: "manual" });
    jar.keep(answer.headers.getSetCookie());
    return answer;
  };
  const start = await visit("/login");
  assert.equal(start.status, 303, await start.text());
  const answer = await fetch(start.headers.get("location"), { redirect: "manual" });
  const { pathname, search } = new URL(answer.headers.get("location"));
  const end = await visit(`${pathname}${search}`);
  assert.equal(end.status, 303, await end.text());
  return {
    /// The cookies as they are, and one more look at what comes of them.
    cookie: () => jar.header(),
    async whoami() {
      const answer = await visit("/api/whoami");
      return { status: answer.status, body: await answer.json() };
    },
  };
}

function cookieJar() {
  const cookies = new Map();
  return {
    header: () => [...cookies].map((pair) => pair.join("=")).join("; "),
    keep(set) {
      for (const text of set) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(text);
        if (/; Max-Age=0(;|$)/.test(text)) cookies.delete(name);
        else cookies.set(name, value);
      }
    },
  };
}
