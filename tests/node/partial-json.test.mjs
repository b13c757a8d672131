// Growing JSON text: every prefix has a value, and the whole text has that of JSON.parse.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support/load.mjs";
import { cost } from "./support/cost.mjs";

const { PartialJson } = await load("message/partial-json");

function read(...pieces) {
  const json = new PartialJson();
  for (const piece of pieces) json.push(piece);
  return json;
}

const value = (...pieces) => read(...pieces).value;

test("a text that ends anywhere has the value of its prefix", () => {
  const cases = [
    ["", undefined],
    [" ", undefined],
    ["{", {}],
    ['{"a', {}],
    ['{"a"', {}],
    ['{"a":', {}],
    ['{"a": "', { a: "" }],
    ['{"a": "x', { a: "x" }],
    ['{"a": "x",', { a: "x" }],
    ['{"a": "x", "b', { a: "x" }],
    ['{"a": {"b": [1, {"c": "d', { a: { b: [1, { c: "d" }] } }],
    ["[", []],
    ["[1,", [1]],
    ["[1, 2", [1, 2]],
    ["[[], {}", [[], {}]],
    ['"abc', "abc"],
    ["t", true],
    ["[fal", [false]],
    ['{"a": nul', { a: null }],
    ["-", undefined],
    ["[-", []],
    ["12", 12],
    ["12.", 12],
    ["1.5e", 1.5],
    ["1.5e+", 1.5],
    ["1.5e+2", 150],
    ["0", 0],
  ];
  for (const [text, expected] of cases) assert.deepEqual(value(text), expected, JSON.stringify(text));
});

test("an escape shows when it is complete, and a surrogate pair when both halves are there", () => {
  const pieces = ['"a', "\\", "n", "\\u", "00", "e9", "\\ud83d", "\\ude00", "\ud83d", "\ude00", '"'];
  const shown = [];
  const json = new PartialJson();
  for (const piece of pieces) {
    json.push(piece);
    shown.push(json.value);
  }
  const e = "a\né";
  assert.deepEqual(shown, ["a", "a", "a\n", "a\n", "a\n", e, e, `${e}😀`, `${e}😀`, `${e}😀😀`, `${e}😀😀`]);
});

test("a lone surrogate in a complete string stays", () => {
  assert.equal(value('"\\ud83d"'), "\ud83d");
  assert.deepEqual(value('["\\ud83d"'), ["\ud83d"]);
});

test("a text that cannot become JSON keeps its last valid value", () => {
  for (const [text, expected] of [
    ['{"a": 1, }', { a: 1 }],
    ['{"a": 1} x', { a: 1 }],
    ["[1 2", [1]],
    ["[01,", []],
    ['{"a": tru,', {}],
    ['{"a" 1', {}],
    ["nonsense", undefined],
  ]) {
    const json = read(text);
    assert.deepEqual(json.value, expected, text);
    json.push('"more": 1');
    assert.deepEqual(json.value, expected);
  }
  assert.equal(read("[1 2").isBroken, true);
  assert.equal(read('"a\nb').isBroken, true);
  assert.equal(read('"\\x').isBroken, true);
  assert.equal(read('"\\u12g4').isBroken, true);
});

test("a member named __proto__ is an own one, and the last of equal names counts", () => {
  const object = value('{"__proto__": {"x": 1}, "a": 1, "a": 2}');
  assert.ok(Object.hasOwn(object, "__proto__"));
  assert.equal(Object.getPrototypeOf(object), Object.prototype);
  assert.equal(object.a, 2);
  assert.ok(Object.hasOwn(value('{"__proto__": {"x": 1'), "__proto__"));
});

test("a value that was handed out does not change", () => {
  const json = read('{"a": [1, {"b": "x');
  const before = json.value;
  json.push('y"}, 2], "c": 3');
  assert.deepEqual(before, { a: [1, { b: "x" }] });
  assert.deepEqual(json.value, { a: [1, { b: "xy" }, 2], c: 3 });
});

const texts = [
  '{"query": "déjà \\"vu\\" 😀 \\u00e9\\ud83d\\ude00 \\\\", "n": [0, -1.5e3, 1E-2, 12], "deep": {"a": {"b": [[[]], {}]}}, "t": true, "f": false, "z": null}',
  ' [ { "a" : 1 } , "x" , null ] ',
  '"\\b\\f\\n\\r\\t\\/\\u0000"',
  "-0",
  "{}",
];

test("the whole text has the value of JSON.parse, in any two or single pieces", () => {
  for (const text of texts) {
    const expected = JSON.parse(text);
    assert.deepEqual(value(...text), expected);
    for (let at = 0; at <= text.length; at++) assert.deepEqual(value(text.slice(0, at), text.slice(at)), expected);
  }
});

test("every beginning of a text has a value that later ones only complete", () => {
  for (const text of texts) {
    for (let at = 0; at <= text.length; at++) {
      assert.equal(read(text.slice(0, at)).isBroken, false);
      assert.deepEqual(value(text.slice(0, at)), value(...text.slice(0, at)), `in one or in single pieces: ${at}`);
    }
  }
});

/** A seeded generator: equal seeds give equal sequences. */
function random(seed) {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

const ATOMS = ['""', '"a\\"b"', '"\\ud83d\\ude00"', '"\\ud83d"', '"é😀"', "0", "-1.5E+3", "12", "true", "false", "null", "{}", "[]"];

function document(below, depth) {
  const space = [" ", "", "", "\n"][below(4)];
  if (depth === 0 || below(3) === 0) return space + ATOMS[below(ATOMS.length)] + space;
  const items = Array.from({ length: below(4) }, () => document(below, depth - 1));
  if (below(2)) return `[${items.join(",")}${items.length ? "" : space}]`;
  return `{${items.map((item) => `${space}"${["a", "b", "__proto__", "\\u0061"][below(4)]}"${space}:${item}`).join(",")}}`;
}

test("any document in any pieces has the value of JSON.parse, and so has any damaged one that it still takes", () => {
  for (let seed = 1; seed <= 3000; seed++) {
    const below = random(seed);
    const text = document(below, 4);
    const place = below(text.length);
    const damaged = text.slice(0, place) + ['"', "\\", ",", "}", "x", "", "1"][below(7)] + text.slice(place + 1);
    for (const [candidate, isValid] of [[text, true], [damaged, accepts(damaged)]]) {
      const cuts = [below(candidate.length + 1), below(candidate.length + 1)].sort((a, b) => a - b);
      const json = read(candidate.slice(0, cuts[0]), candidate.slice(...cuts), candidate.slice(cuts[1]));
      if (!isValid) continue;
      assert.equal(json.isBroken, false, candidate);
      assert.deepEqual(json.value, JSON.parse(candidate), candidate);
    }
  }
});

function accepts(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("a megabyte in pieces of ten characters, looked at after each, takes far less than a second per hundred thousand", () => {
  const text = JSON.stringify({ content: "x\n".repeat(350_000) });
  const json = new PartialJson();
  const ms = cost(() => {
    for (let at = 0; at < text.length; at += 10) {
      json.push(text.slice(at, at + 10));
      assert.ok(json.value !== null);
    }
  });
  assert.ok(ms < 5_000, "linear; 8 s for 128 kB where it is parsed again each time");
  assert.equal(json.value.content.length, 700_000);
});
