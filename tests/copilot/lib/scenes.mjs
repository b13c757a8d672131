// The scenes: what happens to a chat, and how many streams may be opened for it.

const SLOW = "Take your time. /tokens 50 /pace 20";
/** Long enough to open another page meanwhile. */
const LONG = "Take your time. /tokens 120 /pace 25";
/** Long enough to be stopped on a busy machine. */
const ENDLESS = "Take your time. /tokens 300 /pace 25";
const STEPS = "Look it up. /tokens 8 /tool search /tokens 8 /pace 10";
const BUILD = "Build it. /tokens 5 /operation build /tokens 5 /pace 5";
const BEHIND_TOOL = "Look it up. /tokens 5 /tool search /tokens 100 /pace 25";

const oneMessage = (text) => ({ page }) => page.send(text);

/** A rejoin at CoPilot's backend replays from the start. At ours it continues at the cursor. */
const places = (...kinds) => (backend) => kinds.map((kind, nth) => ({ kind, at: backend === "copilot" ? 900 + 900 * nth : 900 }));

const down = { kind: "answer", status: 503, headers: { "retry-after": "0" }, body: "{}" };
const gateway = { kind: "answer", status: 502, body: "<html>Bad gateway</html>" };

/** @type {import("./stage.mjs").Scene[]} */
export const scenes = [
  { name: "a plain answer", play: oneMessage("Hello. /tokens 20 /pace 5") },
  { name: "text, a tool, text", play: oneMessage(STEPS) },
  {
    name: "three turns",
    turns: 3,
    connections: 3,
    async play({ page, session, backend }) {
      const messages = ["One. /tokens 10 /pace 5", "Two. /tokens 10 /tool search /tokens 10 /pace 5", "Three. /tokens 10 /pace 5"];
      for (const [nth, text] of messages.entries()) {
        await page.send(text);
        await backend.answered(session, nth + 1);
        await page.idle();
      }
    },
  },
  { name: "a cut", connections: 2, faults: places("rst"), play: oneMessage(SLOW) },
  { name: "three cuts", connections: 4, faults: places("rst", "fin", "eof"), play: oneMessage(SLOW) },
  { name: "an early end", connections: 2, faults: places("eof"), play: oneMessage(SLOW) },
  { name: "silence", connections: 2, faults: places("half-open"), play: oneMessage(SLOW) },
  {
    name: "a reload midway",
    connections: 2,
    async play({ page }) {
      await page.send(LONG);
      await page.grown(60);
      await page.reload();
    },
  },
  {
    name: "a reload behind a tool",
    connections: 2,
    async play({ page }) {
      await page.send(BEHIND_TOOL);
      await page.grown("tool_response");
      await page.grown(40);
      await page.reload();
    },
  },
  { name: "a POST that arrived, and whose answer was lost", connections: 2, faults: () => [{ kind: "rst", at: 0 }], play: oneMessage(SLOW) },
  { name: "a POST that was refused", faults: () => [{ kind: "refuse" }], play: oneMessage(SLOW) },
  {
    name: "502 to the POST, and 503 to the rejoin",
    connections: 2,
    faults: (backend) => [gateway, ...places("rst")(backend), down],
    play: oneMessage(SLOW),
  },
  {
    name: "stop",
    cutShort: true,
    async play({ page }) {
      await page.send(ENDLESS);
      await page.grown(60);
      await page.stop();
    },
  },
  {
    name: "stop and reload",
    cutShort: true,
    async play({ page }) {
      await page.send(ENDLESS);
      await page.grown(60);
      await page.stop();
      await page.idle();
      await page.reload();
    },
  },
  {
    name: "two tabs",
    async play({ page, open }) {
      await open();
      await page.send(SLOW);
    },
  },
  {
    name: "two tabs, the second one opened midway",
    async play({ page, open }) {
      await page.send(LONG);
      await page.grown(60);
      await open();
    },
  },
  {
    name: "two tabs, and the first one is closed",
    connections: 2,
    async play({ page, open }) {
      await page.send(LONG);
      await page.grown(60);
      await open();
      await page.close();
    },
  },
  {
    name: "another chat, and back",
    async play({ page, session, backend }) {
      await page.send(LONG);
      await page.grown(60);
      await page.go(await backend.truth.createSession());
      await page.go(session);
    },
  },
  {
    name: "another browser",
    connections: 2,
    async play({ page, open, browser }) {
      await page.send(LONG);
      await page.grown(60);
      await open({ into: await browser.newContext() });
    },
  },
  {
    name: "an operation",
    connections: 2,
    async play({ page, session, backend }) {
      await page.send(BUILD);
      await page.grown("operation");
      await backend.completeOperation(session);
    },
  },
  {
    name: "an operation, and a reload while it runs",
    connections: 3,
    async play({ page, session, backend }) {
      await page.send(BUILD);
      await page.grown("operation");
      await page.reload();
      await backend.completeOperation(session);
    },
  },
  {
    name: "a deploy in the middle of an answer",
    connections: 2,
    async play({ page, session, state }) {
      if (state === "after") await page.visit({ state: "before", session });
      await page.send(LONG);
      await page.grown(60);
      await (state === "after" ? page.visit({ state, session }) : page.reload());
    },
  },
];
