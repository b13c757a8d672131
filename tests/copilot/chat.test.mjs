// CoPilot's chat before and after the migration, in Chromium, on a backend like theirs and on ours. After it every row is
// complete, shown once and really ended, from one POST over one connection. The results of the old chat are printed beside it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch } from "../e2e/lib/browser.mjs";
import { copilotBackend, ownBackend } from "./lib/backends.mjs";
import { buildApp } from "./lib/build.mjs";
import { scenes } from "./lib/scenes.mjs";
import { play } from "./lib/stage.mjs";
import { table } from "./lib/table.mjs";

const KINDS = { copilot: copilotBackend, rejoin: ownBackend };
const STATES = ["before", "after"];
const ALONE = process.env.REJOIN_SCENE;

/** The old layer works if nothing goes wrong, so its failures in other scenes are not the fault of this copy. */
const EASY = ["a plain answer", "a POST that was refused"];

/** CoPilot's backend with other habits, and the scenes that depend on them. */
const VARIANTS = {
  "a log of 40 entries": [{ keepEntries: 40 }, "a reload midway"],
  "the answer in progress among the messages": [{ inProgress: "stored", saveMs: 50 }, "a reload behind a tool", "another browser", "another chat, and back"],
  "a finish long before its task is over": [{ completeAfterMs: 400 }, "three turns", "an operation", "a cut"],
  "a proxy's 404": [{ missing: "proxy" }, "a POST that arrived, and whose answer was lost", "stop and reload"],
  "event ids": [{ ids: true }, "a cut", "a reload midway"],
  "one start, values and dates": [{ starts: 1, toolOutput: "value", messageFields: "dated", pageContext: "left-out" }, "three cuts", "an operation, and a reload while it runs"],
  "a log that is gone with its task": [{ keepMs: 1 }, "text, a tool, text", "a deploy in the middle of an answer"],
};

const backends = {};
const verdicts = new Map();
let browser;

before(async () => {
  const files = await buildApp();
  for (const [kind, start] of Object.entries(KINDS)) backends[kind] = await start(files);
  for (const [variant, [options]] of Object.entries(VARIANTS)) backends[variant] = await copilotBackend(files, options);
  browser = await launch();
});

after(async () => {
  console.log(table(scenes, verdicts));
  await browser?.close();
  for (const backend of Object.values(backends)) await backend.stop();
});

describe("CoPilot's chat", { concurrency: 5 }, () => {
  for (const scene of scenes.filter(({ name }) => !ALONE || name === ALONE)) {
    for (const kind of Object.keys(KINDS)) {
      for (const state of STATES) {
        test(`${state} the migration, ${kind}: ${scene.name}`, { timeout: 90_000 }, async () => {
          const { defects, ...seen } = await play(scene, { browser, backend: backends[kind], kind, state });
          verdicts.set(`${scene.name} ${kind} ${state}`, defects);
          if (state === "after" || EASY.includes(scene.name)) assert.deepEqual(defects, [], JSON.stringify(seen, null, 1));
        });
      }
    }
  }

  for (const [variant, [, ...names]] of Object.entries(VARIANTS)) {
    for (const scene of scenes.filter(({ name }) => names.includes(name) && (!ALONE || name === ALONE))) {
      test(`after the migration, ${variant}: ${scene.name}`, { timeout: 90_000 }, async () => {
        const { defects, ...seen } = await play(scene, { browser, backend: backends[variant], kind: "copilot", state: "after" });
        assert.deepEqual(defects, [], JSON.stringify(seen, null, 1));
      });
    }
  }
});
