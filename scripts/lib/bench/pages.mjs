// The rows that need a new page each time: the catch-up after a reload until it is painted, and the first chunk.

import { answer } from "../../../benches/web/input.mjs";
import { figure, median, printTable, spread } from "./table.mjs";

const CHUNKS = 20_000;
const LONGEST = 180_000;

/** A side that takes many seconds runs less often. */
const SIDES = [
  { name: "rejoin", page: "rejoin" },
  { name: "rejoin, compact replay", page: "rejoin", query: "&compact" },
  { name: "useChat", page: "use-chat", rounds: 3 },
  { name: "handlers, a list of pieces", page: "handlers", query: "&way=list" },
  { name: "handlers, text appended", page: "handlers", query: "&way=text" },
  { name: "the reads, React and paint", page: "reads", isFloor: true },
  { name: "nothing but React and paint", page: "floor", isFloor: true },
];

/**
 * Measures the time from the beginning of the catch-up to the frame that shows the whole text, and the tasks of the page's main
 * thread meanwhile.
 */
export async function catchUp(browser, server, { rounds }) {
  const length = answer(CHUNKS).reduce((sum, { delta }) => sum + (delta?.length ?? 0), 0);
  const results = SIDES.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < SIDES.length; turn++) {
      const index = (turn + round) % SIDES.length;
      const side = SIDES[index];
      if (round >= (side.rounds ?? rounds)) continue;
      results[index].push(await browser.withPage((page, failed) => catchUpOnce(browser, page, failed, `${server}/?script=${side.page}.js&length=${length}${side.query ?? ""}`, server)));
    }
  }
  const [own, compact] = results.map((runs) => median(runs.map(({ painted }) => painted)));
  const body = SIDES.map(({ name, page, isFloor }, index) => {
    const of = (key) => results[index].map((one) => one[key]);
    const isPeer = page !== "rejoin" && !isFloor;
    const ratios = isPeer ? [own, compact].map((mine) => `${figure(median(of("painted")) / mine)}×`) : ["", ""];
    return [name, ...ratios, isPeer ? "10×" : "", spread(of("painted")), spread(of("busy")), spread(of("longest")), spread(of("longestCpu"))];
  });
  printTable(
    `Catch-up of ${CHUNKS} chunks after a reload, React, until painted (Chromium; median and quartiles in ms)`,
    ["side", "to rejoin", "to its compact replay", "goal", "until painted", "CPU of the main thread", "longest task", "longest task, CPU"],
    body,
  );
}

async function catchUpOnce(browser, page, failed, url, server) {
  await page.goto(`${server}/?script=before.js`);
  await page.evaluate(() => globalThis.ready);
  await page.goto(url);
  await page.reload();
  await browser.instance.startTracing(page, { categories: ["toplevel", "blink.user_timing"] });
  const painted = await Promise.race([page.evaluate(() => (begin(), globalThis.painted)), failed, tooLong(url)]);
  const trace = await browser.instance.stopTracing();
  return { painted, ...tasksOf(JSON.parse(trace).traceEvents) };
}

async function tooLong(url) {
  await new Promise((done) => setTimeout(done, LONGEST).unref());
  throw new Error(`${url} has not painted its text after ${LONGEST} ms`);
}

/**
 * Sums the tasks of the thread that set the marks, between the marks: by the clock, and by CPU time, which other processes do not
 * affect.
 */
function tasksOf(events) {
  const mark = (name) => events.find((event) => event.name === name && event.cat.includes("user_timing"));
  const [begin, painted] = [mark("begin"), mark("painted")];
  const isInTime = ({ pid, tid, ts, dur }) => pid === begin.pid && tid === begin.tid && ts + dur > begin.ts && ts < painted.ts;
  const tasks = [];
  for (const { name, ts, dur, tdur } of events.filter(isInTime).sort((a, b) => a.ts - b.ts)) {
    if (name === TASK) tasks.push({ end: ts + dur, dur, tdur });
    if (name !== MICROTASKS || ts < tasks.at(-1)?.end) continue;
    // The last task is the one that set the mark. It has ended, and nothing runs in between.
    const last = tasks.pop() ?? { dur: 0, tdur: 0 };
    tasks.push({ end: ts + dur, dur: last.dur + dur, tdur: last.tdur + tdur });
  }
  if (tasks.length === 0) throw new Error("The trace holds no tasks");
  return {
    longest: Math.max(...tasks.map(({ dur }) => dur)) / 1000,
    longestCpu: Math.max(...tasks.map(({ tdur }) => tdur)) / 1000,
    busy: tasks.reduce((sum, { tdur }) => sum + tdur, 0) / 1000,
  };
}

const TASK = "ThreadControllerImpl::RunTask";
const MICROTASKS = "BlinkScheduler_PerformMicrotaskCheckpoint";

const SOURCES = [
  { name: "rejoin, inlined", module: "/index.js" },
  { name: "rejoin/slim and client.wasm by its URL", module: "/slim.js", source: "/client.wasm" },
  { name: "the TypeScript layer, which loads nothing" },
];

/** Measures the time from the call of `init` to the first chunk of an answer that is available at once. */
export async function firstChunk(browser, server, { rounds }) {
  const results = SOURCES.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, source] of SOURCES.entries()) {
      results[index].push(await browser.withPage(async (page) => {
        await page.goto(server);
        return page.evaluate(async ({ module, source }) => {
          const { firstChunk, firstChunkOfLayer } = await import("/first.js");
          if (!module) return firstChunkOfLayer();
          return firstChunk(await import(module), source && new URL(source, location.href));
        }, source);
      }));
    }
  }
  const body = SOURCES.map(({ name }, index) => [name, "10 ms", spread(results[index].map(({ first }) => first)), spread(results[index].map(({ init }) => init))]);
  printTable("init: a fresh page each (Chromium; median and quartiles in ms)", ["source", "goal", "init to first chunk", "init alone"], body);
}
