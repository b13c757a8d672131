// `crossTab`: a page with locks and channels shares its streams with other tabs, unless the app switches that off.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createChatStreams } from "../../dist/index.js";
import { Backend } from "./lib/backend.mjs";

const wanted = [];

class Channel extends EventTarget {
  postMessage() {}
  close() {}
}

before(() => {
  const request = (name, _options, granted) => {
    wanted.push(name);
    return Promise.resolve(granted({ name }));
  };
  const window = Object.assign(new EventTarget(), { navigator: { locks: { request } }, BroadcastChannel: Channel });
  globalThis.window = Object.assign(window, { window });
});
after(() => delete globalThis.window);

async function finish(options) {
  wanted.length = 0;
  const backend = new Backend();
  const streams = createChatStreams({ fetch: backend.fetch, storage: "memory", delivery: "immediate", ...options });
  const outcome = streams.startStream("s", "hello");
  (await backend.stream()).begin().text("x").finish();
  assert.equal((await outcome).kind, "finished");
  streams.close();
}

test("a stream is under its session's lock", async () => {
  await finish({});
  assert.deepEqual(wanted, ["chat_active_tasks:v1::s"]);
});

test("crossTab: false asks for no lock", async () => {
  await finish({ crossTab: false });
  assert.deepEqual(wanted, []);
});
