// Signs in as a browser does, at a provider where everybody is signed in already.

/// The `Cookie` header of somebody who has just signed in by `/login`.
export async function signIn(app) {
  const jars = {};
  let url = new URL("/login", app);
  for (let steps = 0; steps < 10; steps += 1) {
    const jar = (jars[url.origin] ??= new Map());
    const answer = await fetch(url, { redirect: "manual", headers: jar.size > 0 ? { cookie: header(jar) } : {} });
    await answer.arrayBuffer();
    answer.headers.getSetCookie().forEach((line) => keep(jar, line));
    const location = answer.headers.get("location");
    if (!location) throw new Error(`${url}: ${answer.status} instead of a redirect`);
    const back = url.origin === app && url.pathname === "/callback";
    if (back) return header(jar);
    url = new URL(location, url);
  }
  throw new Error(`${app}: no sign-in after 10 redirects`);
}

const header = (jar) => [...jar].map((pair) => pair.join("=")).join("; ");

function keep(jar, line) {
  const [pair, ...attributes] = line.split(";");
  const [, name, value] = pair.match(/^([^=]*)=(.*)$/);
  const expired = attributes.some((text) => /^ *(max-age=0|expires=thu, 01 jan 1970)/i.test(text));
  if (expired || value === "") jar.delete(name);
  else jar.set(name, value);
}
