// The rows of the table: what is done, by whom, how often. The same in Node and in a browser.

import { answer, bytesOf, fetchOf, toolInput } from "./input.mjs";
import * as sides from "./sides.mjs";

const CHUNKS = 20_000;

/** Runs the rows whose names begin with one of `wanted`, all where there is none. `clock` gives milliseconds of CPU time, or a promise of them. */
export async function measure({ rejoin, clock, wanted, rounds }) {
  const results = [];
  for (const row of rows(rejoin)) {
    if (wanted.length > 0 && !wanted.some((name) => row.name.startsWith(name))) continue;
    results.push({ name: row.name, goal: row.goal, less: row.less, ...(await alternate(row, clock, row.rounds ?? rounds)) });
  }
  return results;
}

function* rows(rejoin) {
  const stream = answer(CHUNKS);
  const bytes = bytesOf(stream);
  for (const [label, size, goal] of [["16 KiB", 16384, [3.5, 3]], ["1 KiB", 1024, [3, 2]], ["100 B", 100, [1.5, 1.4]]]) {
    const fetch = fetchOf(bytes, size);
    yield {
      name: `whole ${label}`,
      goal,
      sides: {
        rejoin: () => counted((count) => sides.rejoin(rejoin, fetch, count)),
        typescript: () => counted((count) => sides.typescript(fetch, count)),
      },
    };
  }
  const fetch = fetchOf(bytes, 16384);
  yield {
    name: "decode",
    goal: [4, 4],
    // What every side pays is taken off both.
    less: "reads",
    sides: {
      rejoin: () => counted((count) => sides.rejoin(rejoin, fetch, count)),
      "eventsource-parser": () => counted((count) => sides.eventsource(fetch, count)),
      reads: () => sides.reads(fetch),
    },
  };
  yield {
    name: "message",
    goal: [40, 40],
    rounds: 5,
    sides: {
      rejoin: () => finished(sides.rejoin(rejoin, fetch, undefined, () => {})),
      "ai sdk": () => finished(sides.aiSdk(stream)),
    },
  };
  const input = toolInput(8_000);
  const inputFetch = fetchOf(bytesOf(input), 1024);
  yield {
    name: "tool-input",
    goal: [100, 100],
    rounds: 2,
    sides: {
      rejoin: () => finished(sides.rejoin(rejoin, inputFetch, undefined, look)),
      "ai sdk": () => finished(sides.aiSdk(input, look)),
    },
  };
  const long = fetchOf(bytesOf(answer(10 * CHUNKS)), 16384);
  yield {
    name: "ten-times",
    goal: [1 / 11, 1 / 11],
    rounds: 7,
    sides: {
      "rejoin, ten times the chunks": () => counted((count) => sides.rejoin(rejoin, long, count)),
      rejoin: () => counted((count) => sides.rejoin(rejoin, fetch, count)),
    },
  };
}

/** What a user interface does with a message that changed. */
function look(message) {
  return message?.parts.length;
}

async function counted(run) {
  let chunks = 0;
  await run(() => void chunks++);
  if (chunks < CHUNKS) throw new Error(`only ${chunks} chunks`);
}

async function finished(message) {
  if (!((await message)?.parts.length > 0)) throw new Error("no message");
}

/** Each side once per round, in turns that change, so that a machine that gets slower slows all of them. */
async function alternate(row, clock, rounds) {
  // A browser's clock of CPU time ticks slowly.
  const repeats = row.rounds === undefined ? 4 : 1;
  const names = Object.keys(row.sides);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -2; round < rounds; round++) {
    // Two rounds to warm up, unless one takes seconds.
    if (round < 0 && rounds < 5) continue;
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round + names.length * 2) % names.length];
      globalThis.gc?.();
      const started = await clock();
      for (let time = 0; time < repeats; time++) await row.sides[name]();
      const passed = ((await clock()) - started) / repeats;
      if (round >= 0) times[name].push(passed);
    }
  }
  return { times };
}
