// Requests with a token, one by one and at a rate, and how long their answers take.
import { Agent, request } from "node:http";

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/// A server and connections to it, each for one request at a time. They are opened one after the other: of many that come
/// at once, tiny_http (rouille's server) leaves some without a thread, so that they wait for ever, whatever they ask for.
export class Caller {
  #free = [];
  #all = [];

  constructor(url) {
    this.url = url;
  }

  static async connect(url, connections) {
    const caller = new Caller(url);
    for (let i = 0; i < connections; i++) {
      const agent = caller.#newConnection();
      const { status } = await caller.#exchange(agent, "", 5_000);
      if (status === 0) throw new Error(`${url} does not answer`);
      caller.#free.push(agent);
    }
    return caller;
  }

  close() {
    this.#all.forEach((agent) => agent.destroy());
  }

  get free() {
    return this.#free.length;
  }

  /// Status 0: no answer within the time, or none at all.
  async ask(token, timeout = 15_000) {
    const agent = this.#free.pop() ?? this.#newConnection();
    const answer = await this.#exchange(agent, token, timeout);
    this.#free.push(agent);
    return answer;
  }

  #newConnection() {
    this.#all.push(new Agent({ keepAlive: true, maxSockets: 1 }));
    return this.#all.at(-1);
  }

  #exchange(agent, token, timeout) {
    return new Promise((resolve) => {
      const started = performance.now();
      const end = (status) => {
        clearTimeout(timer);
        resolve({ status, started, milliseconds: performance.now() - started });
      };
      const headers = token ? { authorization: `Bearer ${token}` } : {};
      const call = request(this.url, { agent, headers }, (response) => {
        response.on("end", () => end(response.statusCode)).on("error", () => end(0)).resume();
      });
      const timer = setTimeout(() => call.destroy(), timeout);
      call.on("error", () => end(0)).end();
    });
  }

  /// Asks so many times a second, whether answers come or not, until told to `stop`; that gives all answers.
  atRate(nextToken, perSecond, timeout) {
    const started = performance.now();
    const answers = [];
    const timer = setInterval(() => {
      const due = ((performance.now() - started) / 1000) * perSecond;
      while (answers.length < due) answers.push(this.ask(nextToken(), timeout));
    }, Math.max(2, Math.min(20, 500 / perSecond)));
    return {
      async stop() {
        clearInterval(timer);
        return Promise.all(answers);
      },
    };
  }

  async forSeconds(nextToken, perSecond, seconds, timeout) {
    const load = this.atRate(nextToken, perSecond, timeout);
    await sleep(seconds * 1000);
    return load.stop();
  }

  /// Asks again and again until it is served, for so long at most: after how many milliseconds, or null.
  async untilServed(nextToken, { every, atMost }) {
    const started = performance.now();
    while (performance.now() - started < atMost) {
      const { status } = await this.ask(nextToken(), atMost);
      if (status === 200) return performance.now() - started;
      await sleep(every);
    }
    return null;
  }
}

export const served = (answers) => answers.filter(({ status }) => status === 200).length;

export function percentile(answers, percent) {
  const times = answers.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  return times[Math.min(times.length - 1, Math.ceil((times.length * percent) / 100) - 1)];
}
