// Bad input: whatever answers instead of the backend, and whatever the browser withholds, the page shows a message and a code. It
// does not hang, and no error reaches it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertWhole, opensStream, stage, STREAM } from "./lib/stage.mjs";

const set = stage();
const HELLO = "Hello. /tokens 40 /rate 200";
const HTML = { kind: "answer", status: 200, headers: { "content-type": "text/html" }, body: "<!doctype html><title>Welcome</title><p>Sign in" };
const ALL_API = /^\/api\//;

/** Returns a plan that answers every stream in this way. */
const streamsAre = (fault) => (seen) => (opensStream(seen) ? fault : undefined);

async function failsToSend(plan, code) {
  await set.scene(plan, async ({ page, proxy }) => {
    await page.send(HELLO);
    assert.match(await page.failureCode(), code);
    await page.shown("message-input");
    assert.ok(proxy.seen.length < 30, "it does not storm");
  });
}

describe("in the backend's place", { concurrency: 4 }, () => {
  test("a wrong base URL", () =>
    set.scene(undefined, async ({ page }) => {
      await page.send(HELLO);
      assert.match(await page.failureCode(), /^(HTTP_404|NOT_FOUND|INVALID_RESPONSE|HTTP_405)$/);
    }, { base: "/nowhere/chat" }));

  test("a base URL where nobody listens", () =>
    set.scene(undefined, async ({ page }) => {
      await page.send(HELLO);
      assert.equal(await page.failureCode(), "NETWORK_ERROR");
    }, { base: "http://127.0.0.1:9/api/chat" }));

  test("an HTML page for everything", () => failsToSend((seen) => (ALL_API.test(seen.path) ? HTML : undefined), /^INVALID_RESPONSE$/));

  test("an HTML page instead of a stream", () => failsToSend(streamsAre(HTML), /^[A-Z_]+$/));

  test("a redirect to a login page", async () => {
    const login = { kind: "answer", status: 302, headers: { location: "/login" } };
    await failsToSend((seen) => (seen.path === "/login" ? HTML : streamsAre(login)(seen)), /^[A-Z_]+$/);
  });

  test("an empty answer", () => failsToSend(streamsAre({ kind: "answer", status: 200, headers: { "content-type": "application/json" } }), /^[A-Z_]+$/));

  for (const [status, code] of [[400, "INVALID_REQUEST"], [401, "UNAUTHORIZED"], [403, "ACCESS_DENIED"], [404, "SESSION_NOT_FOUND"], [413, "MESSAGE_TOO_LARGE"]]) {
    test(`status ${status} with ${code}`, () =>
      failsToSend(streamsAre({ kind: "answer", status, headers: { "content-type": "application/json" }, body: JSON.stringify({ detail: { code, message: "no" } }) }), new RegExp(`^${code}$`)));
  }

  test("a server that fails for ever is given up, and the message can be sent again later", async () => {
    let broken = true;
    const plan = (seen) => (broken && STREAM.test(seen.path) ? { kind: "answer", status: 500, body: "oops" } : undefined);
    await set.scene(plan, async ({ page, truth }) => {
      await page.send(HELLO);
      assert.match(await page.failureCode(), /^[A-Z_0-9]+$/);
      broken = false;
      await page.click("retry");
      await page.settled();
      assert.deepEqual(await page.questions(), [HELLO]);
      assert.deepEqual(await page.answers(), [await truth.answer(await page.chat())]);
    });
  });
});

describe("in the stream", { concurrency: 4 }, () => {
  const GARBAGE = [
    "data: not json\n\n", 'data: {"no":"type"}\n\n', "data: [1,2\n\n", 'data: {"type":"from-the-future","x":1}\n\n', "event: odd\n\n", "\u0000\u0001:\n\n", "data:\n\n", ": comment\n\n",
  ];

  test("garbage frames are skipped and counted, and the rest is shown", () => {
    const text = GARBAGE.map((frame, nth) => `${frame}data: {"type":"text-delta","id":"t","delta":"${nth} "}\n\n`).join("");
    const body = `data: {"type":"start","messageId":"m","taskId":"task"}\n\ndata: {"type":"text-start","id":"t"}\n\n${text}data: {"type":"text-end","id":"t"}\n\ndata: {"type":"finish"}\n\ndata: [DONE]\n\n`;
    return set.scene(streamsAre({ kind: "answer", status: 200, headers: { "content-type": "text/event-stream" }, body }), async ({ page }) => {
      await page.send(HELLO);
      await page.status("completed");
      assert.deepEqual(await page.answers(), ["0 1 2 3 4 5 6 7 "]);
      assert.equal(await page.metric("malformed"), 4);
    });
  });

  test("nothing but garbage is no answer", () =>
    failsToSend(streamsAre({ kind: "answer", status: 200, headers: { "content-type": "text/event-stream" }, body: "garbage\n".repeat(1000) }), /^[A-Z_]+$/));

  test("an error chunk is shown with its code, and the message can be sent again", () =>
    set.scene(undefined, async ({ page }) => {
      await page.send("Break. /tokens 10 /rate 0 /error MODEL_OVERLOADED");
      assert.equal(await page.failureCode(), "MODEL_OVERLOADED");
      await page.status("error");
      assert.equal((await page.answers()).length, 1);
      await page.shown("retry");
    }));
});

describe("in the browser", { concurrency: 4 }, () => {
  const storages = {
    "localStorage that throws at the touch": () =>
      Object.defineProperty(window, "localStorage", {
        get() {
          throw new DOMException("denied", "SecurityError");
        },
      }),
    "localStorage that is null": () => Object.defineProperty(window, "localStorage", { value: null }),
    "localStorage that throws at every use": () => {
      for (const name of ["getItem", "setItem", "removeItem", "key"]) {
        Storage.prototype[name] = () => {
          throw new DOMException("denied", "SecurityError");
        };
      }
    },
    "localStorage that is full": () => {
      try {
        for (let size = 1 << 20; size > 0; size >>= 1) {
          try {
            for (let nth = 0; nth < 20; nth += 1) localStorage.setItem(`full-${size}-${nth}`, "x".repeat(size));
          } catch {
            // A text of this size no longer fits, but a shorter one may.
          }
        }
      } catch {
        // The document does not exist yet.
      }
    },
  };
  for (const [name, prepare] of Object.entries(storages)) {
    test(`${name}: the answer streams, a cut is survived, a reload finds it by the session`, () =>
      set.scene(undefined, async (scene) => {
        await scene.page.send("Hello. /tokens 120 /rate 100");
        await scene.page.grown(50);
        await scene.page.click("fault-cut");
        await scene.page.grown(200);
        await scene.page.page.reload();
        await scene.page.settled();
        await assertWhole(scene);
      }, { prepare: (page) => page.addInitScript(prepare) }));
  }
});

describe("in the address", { concurrency: 4 }, () => {
  test("an unknown session", () =>
    set.scene(undefined, async ({ page }) => {
      assert.equal(await page.failureCode(), "SESSION_NOT_FOUND");
    }, { chat: "00000000-0000-4000-8000-000000000000" }));

  test("something that is no id at all", () =>
    set.scene(undefined, async ({ page }) => {
      assert.match(await page.failureCode(), /^[A-Z_0-9]+$/);
    }, { chat: "%25%E0%A4%A/../../x?y=<script>" }));
});
