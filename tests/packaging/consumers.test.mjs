// Uses the packed package in new apps of every common kind. Each streams an answer whose connection is cut once, and the test
// compares what it shows with what the server has stored.

import { join } from "node:path";
import { after, before } from "node:test";
import { nextConsumers } from "./consumers/next.mjs";
import { nextChat } from "./consumers/next-chat.mjs";
import { nodeConsumers } from "./consumers/node.mjs";
import { plainConsumers } from "./consumers/plain.mjs";
import { viteConsumers } from "./consumers/vite.mjs";
import { vitestConsumer } from "./consumers/vitest.mjs";
import { freshFolder } from "./lib/fresh.mjs";
import { openStage } from "./lib/stage.mjs";

const gate = {};

before(async () => {
  Object.assign(gate, await freshFolder(join(import.meta.dirname, "apps")));
  gate.stage = await openStage(gate.folder);
});

after(async () => {
  await gate.stage?.close();
  gate.remove?.();
});

nodeConsumers(gate);
plainConsumers(gate);
vitestConsumer(gate);
viteConsumers(gate);
nextConsumers(gate);
nextChat(gate);
