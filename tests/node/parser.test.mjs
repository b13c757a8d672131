// `createParser`: the interface of eventsource-parser, PROTOCOL §4, and callbacks that may do anything.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ParseError, RejoinError, createParser, init } from "../../dist/index.js";
import { cost } from "./support/cost.mjs";

before(() => init());

const NAMES = ["onEvent", "onId", "onRetry", "onComment", "onError"];

function recorder(options = {}) {
  const received = [];
  const callbacks = Object.fromEntries(NAMES.map((name) => [name, (value) => received.push([name, value])]));
  return { received, parser: createParser({ ...callbacks, ...options }) };
}

function parse(...chunks) {
  const { received, parser } = recorder();
  for (const chunk of chunks) parser.feed(chunk);
  return received;
}

const events = (received) => received.filter(([name]) => name === "onEvent").map(([, event]) => event);
const event = (data, more = {}) => ({ event: undefined, data, id: undefined, ...more });
const bytes = (text) => new TextEncoder().encode(text);

test("an event has its type, its data and the last id in force", () => {
  assert.deepEqual(events(parse("event: add\ndata: a\ndata:b\nid: 7\n\ndata\n\ndata: c\n\n")), [
    event("a\nb", { event: "add", id: "7" }),
    event("", { id: "7" }),
    event("c", { id: "7" }),
  ]);
});

test("without an id the id is undefined, and an empty one resets it", () => {
  assert.deepEqual(events(parse("data: a\n\nid: 7\ndata: b\n\nid\ndata: c\n\ndata: d\n\n")).map(({ id }) => id), [undefined, "7", "", ""]);
});

test("onId fires at the blank line, before onEvent, also for a block without data", () => {
  const received = parse("id: 1\ndata: a\n", "id: 2\n\n", "id: 3\n", "\n", "data: b\n\n");
  assert.deepEqual(received, [
    ["onId", "2"],
    ["onEvent", event("a", { id: "2" })],
    ["onId", "3"],
    ["onEvent", event("b", { id: "3" })],
  ]);
});

test("comments lose one leading space, retries are clamped numbers", () => {
  assert.deepEqual(parse(": heartbeat 15000\n:x\n:  y\n:\nretry: 250\nretry:99999999999999999999\n"), [
    ["onComment", "heartbeat 15000"],
    ["onComment", "x"],
    ["onComment", " y"],
    ["onComment", ""],
    ["onRetry", 250],
    ["onRetry", 2 ** 31 - 1],
  ]);
});

test("unknown fields and invalid retries are passed to onError and end nothing", () => {
  const received = parse("foo: bar\nretry: soon\nDATA: x\ndata: a\n\n");
  const [unknown, retry] = received.map(([, error]) => error);
  assert.ok(unknown instanceof ParseError && unknown instanceof Error);
  assert.equal(unknown.name, "ParseError");
  const { type, field, value, line } = unknown;
  assert.deepEqual({ type, field, value, line }, { type: "unknown-field", field: "foo", value: "bar", line: "foo: bar" });
  assert.deepEqual([retry.type, retry.value, retry.line], ["invalid-retry", "soon", "retry: soon"]);
  assert.deepEqual(received.map(([name]) => name), ["onError", "onError", "onError", "onEvent"]);
});

test("all callbacks are optional", () => {
  const parser = createParser({});
  parser.feed(": x\nfoo\nretry: x\nid: 1\ndata: a\n\n");
  parser.end();
});

const stream = "\ufeffid: 1\r\ndata: é😀\r\rdata: \u0000x\nevent: e\n\n: c\nid: 2\ndata: 漢\ndata:字\n\n";
const whole = () => parse(stream);

test("the same text leads to the same calls however it is split, as text or as bytes", () => {
  const expected = whole();
  assert.equal(events(expected).length, 3);
  for (let at = 0; at <= stream.length; at++) {
    assert.deepEqual(parse(stream.slice(0, at), stream.slice(at)), expected, `text at ${at}`);
  }
  const encoded = bytes(stream);
  for (let at = 0; at <= encoded.length; at++) {
    assert.deepEqual(parse(encoded.subarray(0, at), encoded.subarray(at)), expected, `bytes at ${at}`);
  }
  assert.deepEqual(parse(...stream), expected);
  assert.deepEqual(parse(...stream.split("")), expected, "code unit by code unit");
  assert.deepEqual(parse(...Array.from(encoded, (byte) => Uint8Array.of(byte))), expected);
});

test("a half of a surrogate pair whose other half never comes is U+FFFD", () => {
  assert.equal(events(parse("data: a\ud83d", "b\n\n"))[0].data, "a\ufffdb");
  assert.equal(events(parse("data: \ude00\n\n"))[0].data, "\ufffd");
  assert.equal(events(parse("data: a\ud83d", bytes("b\n\n")))[0].data, "a\ufffdb");
});

test("bytes that are not UTF-8 become U+FFFD", () => {
  assert.equal(events(parse(bytes("data: a"), Uint8Array.of(0xff, 0xf0, 0x9f), bytes("b\n\n")))[0].data, "a\ufffd\ufffdb");
});

test("a part of a larger buffer is fed as that part, and a Node buffer is bytes", () => {
  assert.equal(events(parse(bytes("xxdata: a\n\nyy").subarray(2, 11)))[0].data, "a");
  assert.equal(events(parse(Buffer.from("data: a\n\n")))[0].data, "a");
});

test("anything else is refused", () => {
  const { parser } = recorder();
  for (const chunk of [undefined, null, 5, [1], new ArrayBuffer(1)]) assert.throws(() => parser.feed(chunk), TypeError);
  for (const options of [undefined, null, () => {}]) assert.throws(() => createParser(options), TypeError);
  for (const maxBufferSize of [-1, Number.NaN, "5"]) assert.throws(() => createParser({ maxBufferSize }), RangeError);
});

test("end discards a block without its blank line, and then feed throws until reset", () => {
  const { received, parser } = recorder();
  parser.feed("data: a\n\ndata: b\n");
  parser.end();
  parser.end();
  assert.deepEqual(events(received), [event("a")]);
  assert.throws(() => parser.feed("\n"), (error) => error instanceof RejoinError && error.code === "PARSER_ENDED");
  parser.reset();
  parser.feed("data: c\n\n");
  assert.deepEqual(events(received), [event("a"), event("c")]);
});

test("an event above the limit is reported once, and then feed throws until reset", () => {
  const { received, parser } = recorder({ maxBufferSize: 20 });
  parser.feed("data: 34567890123456\n\ndata: x\n\n");
  parser.feed("data: 345678901234567");
  assert.deepEqual(received.map(([name, value]) => value.data ?? value.type), ["34567890123456", "x", "max-buffer-size-exceeded"]);
  for (const chunk of ["\n\n", bytes("data: y\n\n")]) {
    assert.throws(() => parser.feed(chunk), (error) => error instanceof RejoinError && error.code === "MAX_BUFFER_SIZE_EXCEEDED");
  }
  parser.reset();
  parser.feed("data: z\n\n");
  assert.equal(received.length, 4);
});

test("comments and unknown fields do not count towards the limit", () => {
  const { received, parser } = recorder({ maxBufferSize: 10 });
  parser.feed(`: ${"x".repeat(100)}\nfoo: ${"y".repeat(100)}\ndata: a\n\n`);
  assert.deepEqual(events(received), [event("a")]);
});

test("an infinite limit is allowed, and the default one is 16 MiB", () => {
  const chunk = "x".repeat(1 << 20);
  const grow = (options) => {
    const { received, parser } = recorder(options);
    parser.feed("data: ");
    for (let i = 0; i < 17 && received.length === 0; i++) parser.feed(chunk);
    return received;
  };
  assert.equal(grow({}).length, 1);
  assert.equal(grow({ maxBufferSize: Infinity }).length, 0);
});

test("reset forgets the last id and an unfinished line", () => {
  const { received, parser } = recorder();
  parser.feed("id: 1\ndata: a\n\ndata: b\nda");
  parser.reset();
  parser.feed("ta: c\n\ndata: d\n\n");
  assert.deepEqual(events(received), [event("a", { id: "1" }), event("d")]);
});

test("reset with consume takes an unfinished line as ended first", () => {
  const { received, parser } = recorder();
  for (const line of ['{"error": "no stream"}', ": note", "retry: 5", "data: x"]) {
    parser.feed(line);
    parser.reset({ consume: true });
  }
  assert.deepEqual(received.map(([name, value]) => [name, value.line ?? value]), [
    ["onError", '{"error": "no stream"}'],
    ["onComment", "note"],
    ["onRetry", 5],
  ]);
});

test("a reset drops everything that was fed before, wherever that was cut off", () => {
  const resets = [{}, { consume: true }];
  const steps = [": c", ": c\r", "\r\n", "\n", "data: a\r\n", "\r", "id: 1", "x", ...resets];
  /** Returns what a new parser receives. `consume` ends an unfinished last line. */
  const receivedFrom = (text, { consume } = {}) => parse(consume && /[^\r\n]$/.test(text) ? `${text}\n` : text);
  for (let code = 0; code < steps.length ** 4; code++) {
    const sequence = [1, 10, 100, 1000].map((digit) => steps[Math.floor(code / digit) % 10]);
    const { received, parser } = recorder();
    const expected = [];
    let text = "";
    for (const step of sequence) {
      if (typeof step === "string") {
        text += step;
        parser.feed(step);
      } else {
        expected.push(...receivedFrom(text, step));
        text = "";
        parser.reset(step);
      }
    }
    assert.deepEqual(received, [...expected, ...receivedFrom(text)], JSON.stringify(sequence));
  }
});

test("reset forgets the last id whatever the callback for the consumed line does", () => {
  for (const [act, expected] of [["throw", undefined], ["feed", "2"]]) {
    const received = [];
    const parser = createParser({
      onEvent: ({ id }) => received.push(id),
      onComment: () => {
        if (act === "throw") throw new Error("no comment");
        parser.feed("id: 2\n\n");
      },
    });
    parser.feed("id: 1\n\n: cut off");
    if (act === "throw") assert.throws(() => parser.reset({ consume: true }), /no comment/);
    else parser.reset({ consume: true });
    parser.feed("\r\ndata: a\n\n");
    assert.deepEqual(received, [expected], act);
  }
});

test("what a callback throws comes out of feed; nothing is lost, and nothing reported twice", () => {
  const received = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      received.push(data);
      if (data === "b") throw new Error("no b");
    },
  });
  assert.throws(() => parser.feed("data: a\n\ndata: b\n\ndata: c\n\ndata: d"), /no b/);
  assert.deepEqual(received, ["a", "b"]);
  parser.feed("e\n\n");
  assert.deepEqual(received, ["a", "b", "c", "de"]);
});

test("callbacks that wait after a throw are called by end, and dropped by reset", () => {
  for (const [close, expected] of [["end", ["a", "b"]], ["reset", ["a"]]]) {
    const received = [];
    const parser = createParser({
      onEvent: ({ data }) => {
        received.push(data);
        if (data === "a") throw new Error("no a");
      },
    });
    assert.throws(() => parser.feed("data: a\n\ndata: b\n\n"), /no a/);
    parser[close]();
    assert.deepEqual(received, expected, close);
  }
});

test("what a callback feeds comes after what waits already", () => {
  const received = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      received.push(data);
      if (data === "a") parser.feed("data: c\n\ndata: d");
    },
  });
  parser.feed("data: a\n\ndata: b\n\n");
  parser.feed("e\n\n");
  assert.deepEqual(received, ["a", "b", "c", "de"]);
});

test("a reset from a callback drops the waiting callbacks, and later input is another stream", () => {
  const received = [];
  const parser = createParser({
    onEvent: ({ data, id }) => {
      received.push([data, id]);
      if (data !== "a") return;
      parser.reset();
      parser.feed("data: x\n\n");
    },
  });
  parser.feed("id: 1\ndata: a\n\ndata: b\n\ndata: c");
  parser.feed("\n\ndata: y\n\n");
  assert.deepEqual(received, [["a", "1"], ["x", undefined], ["y", undefined]]);
});

test("an end from a callback does not drop the callbacks that wait", () => {
  const received = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      received.push(data);
      parser.end();
    },
  });
  parser.feed("data: a\n\ndata: b\n\n");
  assert.deepEqual(received, ["a", "b"]);
  assert.throws(() => parser.feed("data: c\n\n"), RejoinError);
});

test("a parser of many streams, and many parsers, do not meet", () => {
  const one = recorder();
  const two = recorder();
  one.parser.feed("data: a");
  two.parser.feed("data: b\n\n");
  one.parser.feed("\n\n");
  assert.deepEqual([events(one.received), events(two.received)], [[event("a")], [event("b")]]);
});

test("a long line in tiny pieces costs linear time", () => {
  const { received, parser } = recorder();
  const ms = cost(() => {
    parser.feed("data: ");
    for (let i = 0; i < 200_000; i++) parser.feed("0123456789");
    parser.feed("\n\n");
    assert.equal(events(received)[0].data.length, 2_000_000);
  });
  assert.ok(ms < 5_000);
});
