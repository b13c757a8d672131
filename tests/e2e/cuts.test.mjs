// Cuts in a browser: wherever and however the connection breaks, the page shows the stored answer once.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { after, beforeBlankLine, betweenEvents, insideCharacter, insideId, insideText, insideToolInput } from "./lib/places.mjs";
import { assertWhole, inTurn, REJOIN, stage, STREAM } from "./lib/stage.mjs";

const set = stage();
const TEXT = "Tell me. /tokens 100 /rate 400";
const UNICODE = "Every script. /unicode /tokens 60 /rate 400";
const TOOL = "Look it up. /tool search /tokens 60 /rate 400";

const places = [
  ["before the first byte", 0, TEXT],
  ["in the first line", 5, TEXT],
  ["in the first chunk", after('"start"', 1, 3), TEXT],
  ["in the middle of a text", insideText(), TEXT],
  ["in the middle of an event", beforeBlankLine(), TEXT],
  ["between two events", betweenEvents(), TEXT],
  ["in the middle of an id", insideId(), TEXT],
  ["in the middle of a character", insideCharacter(2), UNICODE],
  ["in the middle of a tool's input", insideToolInput(), TOOL],
  ["between the last text and the finish", after('"text-end"', 1, 4), TEXT],
  ["in the finish", after('"finish"', 1, -3), TEXT],
];

describe("one cut", { concurrency: 4 }, () => {
  for (const kind of ["rst", "fin", "eof"]) {
    for (const [where, at, message] of places) {
      test(`${kind} ${where}`, () =>
        set.scene(inTurn({ kind, at }), async (scene) => {
          await scene.page.send(message);
          await scene.proxy.when("fault");
          await scene.page.settled();
          await assertWhole(scene);
        }));
    }
  }
});

describe("more than one cut", { concurrency: 4 }, () => {
  test("twelve in one answer", () => {
    const kinds = ["rst", "fin", "eof"];
    const cuts = Array.from({ length: 12 }, (_, nth) => ({ kind: kinds[nth % 3], at: 300 + 97 * nth }));
    return set.scene(inTurn(...cuts), async (scene) => {
      await scene.page.send("At length. /tokens 300 /rate 0");
      await scene.page.settled();
      await assertWhole(scene);
      assert.equal(scene.proxy.count("GET", REJOIN), 12);
    });
  });

  test("rejoins that are refused are tried again", () =>
    set.scene(inTurn({ kind: "rst", at: 900 }, { kind: "refuse" }, { kind: "refuse" }), async (scene) => {
      await scene.page.send(TEXT);
      await scene.page.settled();
      await assertWhole(scene);
    }));

  test("rejoins that are answered 503 wait as long as Retry-After says", () => {
    const busy = { kind: "answer", status: 503, headers: { "retry-after": "1", "content-type": "application/json" }, body: '{"detail":{"code":"STORE_UNAVAILABLE","message":"away"}}' };
    return set.scene(inTurn({ kind: "rst", at: 900 }, busy), async (scene) => {
      await scene.page.send(TEXT);
      await scene.page.settled();
      await assertWhole(scene);
    });
  });

  test("the way to the server is gone for a while", () =>
    set.scene(undefined, async (scene) => {
      await scene.page.send("Take your time. /tokens 200 /rate 100");
      await scene.page.grown(100);
      await scene.proxy.down();
      await scene.page.status("reconnecting");
      await scene.proxy.up();
      await scene.page.settled();
      await assertWhole(scene);
    }));
});

describe("a line that is silent", { concurrency: 2 }, () => {
  const quick = stage("--heartbeat-ms", "300");

  test("a half-open connection is noticed and left", () =>
    quick.scene(inTurn({ kind: "half-open", at: 1500 }), async (scene) => {
      await scene.page.send(TEXT);
      await scene.proxy.when("fault");
      await scene.page.settled();
      await assertWhole(scene);
    }));

  test("a server that has nothing to say for a while is not taken for it", () =>
    quick.scene(undefined, async (scene) => {
      await scene.page.send("Think. /tokens 20 /rate 100 /silence 2500");
      await scene.page.settled();
      await assertWhole(scene);
      assert.equal(scene.proxy.count("GET", REJOIN), 0);
    }));
});

test("a message whose POST never arrived is sent again, under the same id, and stored once", () =>
  set.scene((seen) => (STREAM.test(seen.path) && seen.nth === 0 ? { kind: "refuse" } : undefined), async (scene) => {
    await scene.page.send(TEXT);
    await scene.page.settled();
    const posts = scene.proxy.seen.filter(({ method, path }) => method === "POST" && STREAM.test(path));
    assert.equal(posts.length, 2);
    assert.equal(JSON.parse(posts[0].body).message_id, JSON.parse(posts[1].body).message_id);
    assert.deepEqual(await scene.page.questions(), [TEXT]);
    assert.deepEqual(await scene.page.answers(), [await scene.truth.answer(await scene.page.chat())]);
  }));
