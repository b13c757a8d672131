// `createStreamEventDispatcher`: the guarantees of API.md for any chunks.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { RejoinError, createStreamEventDispatcher, init, normalizeStreamChunk } from "../../dist/index.js";

const NAMES = [
  "onStreamStart", "onTextChunk", "onTextEnded", "onToolCallStart", "onToolCallUpdate", "onToolResponse",
  "onLoginNeeded", "onCredentialsNeeded", "onUsage", "onError", "onStreamEnd", "onOther",
];

before(() => init());

/** Returns handlers that record what they receive. */
function recorder() {
  const received = [];
  const handlers = Object.fromEntries(NAMES.map((name) => [name, (chunk) => received.push([name, chunk])]));
  return { received, handlers, names: () => received.map(([name]) => name) };
}

function run(...chunks) {
  const { received, handlers } = recorder();
  const dispatch = createStreamEventDispatcher(handlers);
  for (const chunk of chunks) dispatch(chunk);
  return received;
}

const names = (received) => received.map(([name]) => name);

const start = (taskId) => ({ type: "stream_start", taskId });
const text = (content, blockId) => (blockId === undefined ? { type: "text_chunk", content } : { type: "text_chunk", content, blockId });
const ended = (blockId) => (blockId === undefined ? { type: "text_ended" } : { type: "text_ended", blockId });
const call = (tool_id, args = {}) => ({ type: "tool_call_start", tool_id, tool_name: "search", arguments: args });
const response = (tool_id, result = "r", more = {}) => ({ type: "tool_response", tool_id, result, success: true, ...more });
const end = { type: "stream_end" };

test("every chunk reaches its handler as the object it is", () => {
  const chunks = [
    ["onStreamStart", start("t")],
    ["onTextChunk", text("a")],
    ["onTextEnded", ended()],
    ["onToolCallStart", call("c")],
    ["onToolCallUpdate", call("c", { q: 1 })],
    ["onToolResponse", response("c")],
    ["onLoginNeeded", { type: "need_login" }],
    ["onCredentialsNeeded", { type: "credentials_needed" }],
    ["onUsage", { type: "usage", promptTokens: 1, completionTokens: 1, totalTokens: 2 }],
    ["onOther", { type: "reasoning-delta", id: "r", delta: "hm" }],
    ["onOther", { type: "tool_call" }],
    ["onOther", { type: "data-x", data: 1 }],
    ["onOther", { type: "brand-new", unknown: true }],
    ["onStreamEnd", end],
  ];
  const received = run(...chunks.map(([, chunk]) => chunk));
  assert.deepEqual(received, chunks);
  received.forEach(([, chunk], place) => assert.equal(chunk, chunks[place][1]));
});

test("a batch and single chunks are the same", () => {
  const chunks = [start("t"), text("a", "1"), text("b", "2"), call("c"), response("c"), end];
  assert.deepEqual(run(chunks), run(...chunks));
  assert.deepEqual(run([]), []);
});

test("all handlers are optional, and one may be added later", () => {
  const handlers = {};
  const dispatch = createStreamEventDispatcher(handlers);
  dispatch([start("t"), text("a")]);
  const received = [];
  handlers.onTextChunk = (chunk) => received.push(chunk.content);
  dispatch([text("b"), { type: "error", message: "m" }]);
  assert.deepEqual(received, ["b"]);
});

test("a stream_start of another task starts over, also after the end", () => {
  const life = ["onStreamStart", "onLoginNeeded", "onToolCallStart", "onToolResponse", "onStreamEnd"];
  const chunks = (task) => [start(task), start(task), { type: "login_needed" }, call("c"), response("c"), end, end, start(task)];
  assert.deepEqual(names(run(chunks("a"), chunks("b"))), [...life, ...life]);
});

test("a block that is open at the end is ended before it, by its id", () => {
  for (const last of [end, { type: "error", message: "m" }]) {
    const received = run(text("a", "1"), text("b"), { ...last, eventId: "5-0", replayed: true });
    assert.deepEqual(received.slice(2, 4), [
      ["onTextEnded", { type: "text_ended", blockId: "1", eventId: "5-0", replayed: true }],
      ["onTextEnded", { type: "text_ended", eventId: "5-0", replayed: true }],
    ]);
    assert.equal(received.length, 5);
  }
});

test("a block is ended once", () => {
  assert.deepEqual(names(run(text("a", "1"), ended("1"), ended("1"), end)), ["onTextChunk", "onTextEnded", "onStreamEnd"]);
  assert.deepEqual(names(run(text("a"), ended(), ended(), end)), ["onTextChunk", "onTextEnded", "onStreamEnd"]);
});

test("abort goes to onOther, then onStreamEnd, and the finish that follows is dropped", () => {
  const received = run(start("t"), { type: "abort", reason: "user" }, end);
  assert.deepEqual(received.slice(1), [["onOther", { type: "abort", reason: "user" }], ["onStreamEnd", { type: "stream_end" }]]);
});

test("nothing is dispatched after an error", () => {
  const received = run({ type: "error", message: "m" }, text("a"), end, { type: "error", message: "n" }, { type: "usage" });
  assert.deepEqual(names(received), ["onError"]);
});

test("a started operation and preliminary results are delivered and are not final", () => {
  const operation = { type: "operation_started", operation_id: "o" };
  const responses = [
    response("c", operation),
    response("c", JSON.stringify(operation)),
    response("c", "so far", { preliminary: true }),
    response("c", "done"),
  ];
  const received = run(...responses, response("c", "again"), response("c", operation));
  assert.deepEqual(received.map(([, chunk]) => chunk), responses);
});

test("an operation whose stream has no start gets one when its response arrives", () => {
  const started = { type: "operation_started", operation_id: "o", task_id: "u", tool_name: "search" };
  for (const result of [started, JSON.stringify(started)]) {
    const answer = [start("t"), call("c"), response("c", result), end];
    const operation = [response("c", "found"), { type: "start", messageId: "m" }, text("There."), end];
    const received = run(...answer, text("late"), operation, response("c", "again"), end);
    assert.deepEqual(names(received), [
      "onStreamStart", "onToolCallStart", "onToolResponse", "onStreamEnd",
      "onStreamStart", "onToolResponse", "onOther", "onTextChunk", "onTextEnded", "onStreamEnd",
    ]);
    assert.deepEqual(received[4][1], { type: "stream_start", taskId: "u" });
    assert.equal(received[5][1], operation[0]);
    assert.deepEqual(run(answer, start("u"), operation).map(([name]) => name), names(received));
  }
  for (const own of [{ ...started, task_id: "t" }, { ...started, task_id: "" }, { ...started, task_id: null }]) {
    assert.equal(run(start("t"), response("c", own), end, response("c", "found")).length, 3);
  }
});

test("a result that only mentions an operation is final", () => {
  for (const result of ['say "operation_started"', '{"a": "operation_started"}', '"\\"operation_started\\""', ["operation_started"], null]) {
    assert.equal(run(response("c", result), response("c", result)).length, 1, JSON.stringify(result));
  }
});

test("a reset is dispatched, and the task starts again", () => {
  const received = run(start("t"), text("a", "1"), { type: "stream_reset" }, start("t"), text("a", "1"), end);
  assert.deepEqual(names(received), [
    "onStreamStart", "onTextChunk", "onTextEnded", "onOther", "onStreamStart", "onTextChunk", "onTextEnded", "onStreamEnd",
  ]);
});

test("anything but a chunk is ignored, so that results of normalizeStreamChunk can be dispatched unchanged", () => {
  const frames = [{ type: "start", messageId: "m" }, { type: "text-start", id: "1" }, { type: "text-delta", id: "1", delta: "a" }];
  assert.deepEqual(names(run(...frames.map(normalizeStreamChunk), undefined, 5, "x", {}, [null])), ["onTextChunk"]);
});

test("ids of any kind are distinguished", () => {
  assert.deepEqual(names(run(call(1), call("1"), call(null), call(undefined), call("__proto__"))), Array(5).fill("onToolCallStart"));
});

test("handlers that are no object are refused", () => {
  for (const handlers of [undefined, null, 5]) {
    assert.throws(() => createStreamEventDispatcher(handlers), (error) => error instanceof RejoinError && error.code === "INVALID_ARGUMENT");
  }
});

test("a handler is called on the handlers", () => {
  const handlers = { received: 0, onTextChunk() { this.received++; } };
  createStreamEventDispatcher(handlers)(text("a"));
  assert.equal(handlers.received, 1);
});

test("what a handler throws goes to reportError and stops no other", (t) => {
  const reported = [];
  const original = globalThis.reportError;
  globalThis.reportError = (error) => reported.push(error.message);
  t.after(() => (globalThis.reportError = original));
  const { handlers, names } = recorder();
  handlers.onTextChunk = (chunk) => {
    throw new Error(chunk.content);
  };
  const dispatch = createStreamEventDispatcher(handlers);
  dispatch([start("t"), text("a"), text("b"), end]);
  assert.deepEqual(reported, ["a", "b"]);
  assert.deepEqual(names(), ["onStreamStart", "onTextEnded", "onStreamEnd"]);
});

test("without reportError it goes to the console", (t) => {
  const original = globalThis.reportError;
  delete globalThis.reportError;
  const logged = t.mock.method(console, "error", () => {});
  t.after(() => original && (globalThis.reportError = original));
  createStreamEventDispatcher({ onStreamEnd: () => { throw new Error("x"); } })(end);
  assert.equal(logged.mock.callCount(), 1);
});

test("what a handler dispatches comes after what waits already", () => {
  const received = [];
  const dispatch = createStreamEventDispatcher({
    onTextChunk: (chunk) => {
      received.push(chunk.content);
      if (chunk.content === "a") dispatch([text("c"), text("d")]);
      if (chunk.content === "c") dispatch(end);
    },
    onStreamEnd: () => received.push("end"),
  });
  dispatch([text("a"), text("b")]);
  assert.deepEqual(received, ["a", "b", "c", "d", "end"]);
});

test("a handler may dispatch ten thousand times from within", () => {
  let count = 0;
  const dispatch = createStreamEventDispatcher({ onTextChunk: () => void (++count < 10_000 && dispatch(text("a"))) });
  dispatch(text("a"));
  assert.equal(count, 10_000);
});

test("a batch that a handler changes is dispatched as it was passed", () => {
  const batch = [text("a"), text("b")];
  const received = [];
  const dispatch = createStreamEventDispatcher({
    onTextChunk: (chunk) => {
      received.push(chunk.content);
      batch.length = 0;
    },
  });
  dispatch(batch);
  assert.deepEqual(received, ["a", "b"]);
});

test("a hundred thousand ids in many tasks are distinguished to the end", () => {
  let [starts, updates, responses] = [0, 0, 0];
  const dispatch = createStreamEventDispatcher({
    onToolCallStart: () => starts++,
    onToolCallUpdate: () => updates++,
    onToolResponse: () => responses++,
  });
  for (let task = 0; task < 100; task++) {
    dispatch(start(`task ${task}`));
    for (let tool = 0; tool < 1000; tool++) {
      const id = `tool ${tool}`;
      dispatch([call(id), call(id, { a: 1 }), response(id), response(id)]);
    }
    dispatch(end);
  }
  assert.deepEqual([starts, updates, responses], [100_000, 100_000, 100_000]);
});

/** A seeded generator: equal seeds give equal sequences. */
function random(seed) {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

function anyChunk(below) {
  const id = () => ["1", "2", "3", undefined][below(4)];
  switch (below(14)) {
    case 0:
      return start(["t", "u"][below(2)]);
    case 1:
    case 2:
    case 3:
      return text("a", id());
    case 4:
      return ended(id());
    case 5:
      return call(id() ?? "4");
    case 6:
      return response(id() ?? "4", below(2) ? { type: "operation_started" } : "r", below(2) ? { preliminary: true } : {});
    case 7:
      return { type: ["login_needed", "need_login"][below(2)] };
    case 8:
      return { type: "credentials_needed" };
    case 9:
      return { type: "usage" };
    case 10:
      return below(4) ? { type: "reasoning-delta" } : { type: "error", message: "m" };
    case 11:
      return below(4) ? { type: "data-x" } : { type: "abort" };
    case 12:
      return below(4) ? null : end;
    default:
      return below(6) ? { type: "unheard-of", unknown: true } : end;
  }
}

/** Checks the guarantees on what the handlers received between one onStreamStart and the next. */
function check(life) {
  const count = (name, keep = () => true) => life.filter(([received, chunk]) => received === name && keep(chunk)).length;
  const last = life.findIndex(([name]) => name === "onStreamEnd" || name === "onError");
  if (last >= 0) assert.equal(last, life.length - 1, "nothing after the end");
  assert.ok(count("onLoginNeeded") <= 1);
  assert.ok(count("onStreamStart") <= 1);
  for (const tool of ["1", "2", "3", "4"]) {
    const mine = (chunk) => chunk.tool_id === tool;
    assert.ok(count("onToolCallStart", mine) <= 1);
    const responses = life.filter(([name, chunk]) => name === "onToolResponse" && mine(chunk)).map(([, chunk]) => chunk);
    const final = responses.findIndex(({ result, preliminary }) => result === "r" && !preliminary);
    assert.ok(final < 0 || final === responses.length - 1, "the final response is the last");
  }
  let open = new Set();
  for (const [name, chunk] of life) {
    if (name === "onTextChunk") open.add(chunk.blockId);
    if (name === "onTextEnded") open.delete(chunk.blockId);
    if (name === "onStreamEnd" || name === "onError") assert.equal(open.size, 0, "blocks end before the stream");
  }
}

test("whatever the chunks do, however they are batched, the guarantees hold", () => {
  for (let seed = 1; seed <= 3000; seed++) {
    const below = random(seed);
    const chunks = Array.from({ length: 60 }, () => anyChunk(below));
    const one = run(...chunks);
    const { received, handlers } = recorder();
    const dispatch = createStreamEventDispatcher(handlers);
    for (let at = 0; at < chunks.length; ) dispatch(chunks.slice(at, (at += 1 + below(9))));
    assert.deepEqual(received, one, `seed ${seed}: batches change nothing`);
    const lives = [[]];
    for (const entry of one) {
      if (entry[0] === "onStreamStart" && lives.at(-1).some(isStartOrEnd)) lives.push([]);
      lives.at(-1).push(entry);
    }
    lives.forEach(check);
  }
});

function isStartOrEnd([name]) {
  return ["onStreamStart", "onStreamEnd", "onError"].includes(name);
}
