// JSON text that is still growing: every beginning of a text has a value, and the whole has the one of JSON.parse.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support/load.mjs";
import { cost } from "./support/cost.mjs";

const { PartialJson } = await load("partial-json");

function read(...pieces) {
  const json = new PartialJson();
  for (const piece of pieces) json.push(piece);
  return json;
}

const value = (...pieces) => read(...pieces).value;

test("a text that ends anywhere has the value of what is there", () => {
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

test("what cannot become JSON keeps the value of what was before", () => {
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
