// Readers of event streams, which measure how long each event takes from its entry in the log. An event id begins with the time
// of the Redis that made the entry, which runs on this machine.

import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** Counts by whole milliseconds, the precision of ids. */
class Latencies {
  counts = new Map();
  total = 0;

  add(ms) {
    this.counts.set(ms, (this.counts.get(ms) ?? 0) + 1);
    this.total += 1;
  }

  quantile(share) {
    let left = share * this.total;
    for (const ms of [...this.counts.keys()].sort((a, b) => a - b)) {
      left -= this.counts.get(ms);
      if (left <= 0) return ms;
    }
    return NaN;
  }

  toString() {
    return `${this.quantile(0.5)} / ${this.quantile(0.99)}`;
  }
}

/** Opens `number` streams and reads them. */
export async function follow(number, url) {
  const state = { latencies: new Latencies(), refused: 0 };
  const requests = [];
  for (let opened = 0; opened < number; opened += 50) {
    const some = Array.from({ length: Math.min(50, number - opened) }, () => open(url(), state));
    requests.push(...(await Promise.all(some)));
  }
  if (state.refused > 0) console.log(`${state.refused} of ${number} streams were refused`);
  return {
    /** Resets the counts and returns the earlier ones. */
    reset() {
      const { latencies } = state;
      state.latencies = new Latencies();
      return latencies;
    },
    stop: () => requests.forEach((open) => open.destroy()),
  };
}

/** Repeats the request while the server is too busy. */
async function open(url, state, tries = 20) {
  const opened = await tryToOpen(url, state);
  if (opened.status === 503 && tries > 0) {
    opened.asked.destroy();
    await sleep(200);
    return open(url, state, tries - 1);
  }
  if (opened.status !== 200) state.refused += 1;
  return opened.asked;
}

function tryToOpen(url, state) {
  return new Promise((done, failed) => {
    const asked = request(url, { agent: false }, (response) => {
      response.setEncoding("latin1");
      response.on("data", (text) => listen(text, state));
      response.on("error", () => {});
      done({ asked, status: response.statusCode });
    });
    asked.on("error", failed);
    asked.end();
  });
}

function listen(text, state) {
  const now = Date.now();
  for (const [, ms] of text.matchAll(/^id: (\d+)-/gm)) state.latencies.add(now - Number(ms));
}
