// The rows of CPU time: which work each side does, and how often. They are the same in Node and in a browser.

import { answer, bytesOf, fetchOf, toolInput } from "./input.mjs";
import * as sides from "./sides.mjs";

const CHUNKS = 20_000;

/**
 * Runs the rows whose names begin with one of `wanted`, or all if it is empty. `clock` returns milliseconds of CPU time or a
 * promise of them. `server` is the address of server.mjs.
 */
export async function measure({ rejoin, clock, server, wanted, rounds }) {
  const results = [];
  for (const row of rows(rejoin, server)) {
    if (wanted.length > 0 && !wanted.some((name) => row.name.startsWith(name))) continue;
    const { name, goal, less } = row;
    results.push({ name, goal, less, ...(await alternate(row, clock, rounds)) });
  }
  return results;
}

function* rows(rejoin, server) {
  const stream = answer(CHUNKS);
  const bytes = bytesOf(stream);
  for (const [label, size, goal] of [["16 KiB", 16384, [3.5, 3]], ["1 KiB", 1024, [3, 2]], ["100 B", 100, [1.5, 1.4]]]) {
    yield { name: `whole ${label}`, goal, sides: whole(rejoin, fetchOf(bytes, size)) };
  }
  for (const [label, size] of [["16 KiB", 16384], ["1 KiB", 1024], ["100 B", 100]]) {
    const real = () => fetch(`${server}/stream?deltas=${CHUNKS}&write=${size}`);
    yield {
      name: `fetch ${label}`,
      sides: { ...whole(rejoin, real), reads: () => sides.reads(real), "reads into a buffer": () => sides.readsIntoBuffer(real) },
    };
  }
  const fast = fetchOf(bytes, 16384);
  yield {
    name: "decode",
    goal: [4, 4],
    // The cost of the reads, which every side has, is subtracted.
    less: "reads",
    sides: {
      rejoin: () => counted((count) => sides.rejoin(rejoin, fast, count)),
      "eventsource-parser": () => counted((count) => sides.eventsource(fast, count)),
      reads: () => sides.reads(fast),
    },
  };
  yield {
    name: "message",
    goal: [40, 40],
    slow: "ai sdk",
    sides: {
      rejoin: () => finished(sides.rejoinMessage(rejoin, fast, () => {})),
      "ai sdk": () => finished(sides.aiSdk(stream)),
    },
  };
  const input = toolInput(8_000);
  const inputFetch = fetchOf(bytesOf(input), 1024);
  yield {
    name: "tool-input",
    goal: [100, 100],
    slow: "ai sdk",
    sides: {
      rejoin: () => finished(sides.rejoinMessage(rejoin, inputFetch, look)),
      "ai sdk": () => finished(sides.aiSdk(input, look)),
    },
  };
  const double = fetchOf(bytesOf(toolInput(16_000, 2)), 1024);
  yield {
    name: "tool-input, twice as long",
    goal: [1 / 2.2, 1 / 2.2],
    sides: {
      "rejoin, twice the input": () => finished(sides.rejoinMessage(rejoin, double, look)),
      rejoin: () => finished(sides.rejoinMessage(rejoin, inputFetch, look)),
    },
  };
  const long = fetchOf(bytesOf(answer(10 * CHUNKS)), 16384);
  yield {
    name: "ten-times",
    goal: [1 / 11, 1 / 11],
    repeats: 1,
    sides: {
      "rejoin, ten times the chunks": () => counted((count) => sides.rejoin(rejoin, long, count)),
      rejoin: () => counted((count) => sides.rejoin(rejoin, fast, count)),
    },
  };
}

function whole(rejoin, fetch) {
  return {
    rejoin: () => counted((count) => sides.rejoin(rejoin, fetch, count)),
    typescript: () => counted((count) => sides.typescript(fetch, count)),
  };
}

/** Reads a changed message as a user interface does: all of it, with the inputs of tools. */
function look(message) {
  return message?.parts.map(({ text, input }) => text ?? input);
}

async function counted(run) {
  let chunks = 0;
  await run(() => void chunks++);
  if (chunks < CHUNKS) throw new Error(`only ${chunks} chunks`);
}

async function finished(message) {
  if (!((await message)?.parts.length > 0)) throw new Error("no message");
}

/** The number of rounds for a side that takes many seconds. */
const SLOW_ROUNDS = 2;

/**
 * Runs each side once per round, in changing order, so that a machine that becomes slower affects all of them. A loop of constant
 * work runs beside them, whose variance is the noise of the machine.
 */
async function alternate({ sides, slow, repeats = slow ? 1 : 4 }, clock, rounds) {
  const all = { ...sides, [LOOP]: loop };
  const names = Object.keys(all);
  const passes = Object.fromEntries(names.map((name) => [name, []]));
  // Five rounds warm the engines up. After two they still compile.
  for (let round = -5; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round + names.length * 5) % names.length];
      if (name === slow && (round < 0 || round >= SLOW_ROUNDS)) continue;
      // Not a full collection: V8 then sweeps on other threads and compiles again what it dropped, at the cost of the next side.
      globalThis.gc?.({ type: "minor" });
      const times = name === LOOP ? 1 : repeats;
      const started = await clock();
      for (let time = 0; time < times; time++) await inTime(all[name](), name);
      const passed = ((await clock()) - started) / times;
      if (round >= 0) passes[name].push(passed);
    }
  }
  const { [LOOP]: noise, ...times } = passes;
  return { times, noise };
}

const LONGEST = 180_000;

/** Fails if a side does not finish in time. */
function inTime(run, name) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} has not finished after ${LONGEST} ms`)), LONGEST);
  });
  return Promise.race([run, late]).finally(() => clearTimeout(timer));
}

const LOOP = "the same loop";

/** Runs about ten milliseconds of arithmetic. */
function loop() {
  let value = 1;
  for (let count = 0; count < 2_000_000; count++) value = Math.imul(value, 48_271) + count;
  if (value === 0) throw new Error("never");
}
