// `mergeMessages`: the server's messages first, then the local ones that the server lacks, in every form that apps use.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { init, mergeMessages } from "../../dist/index.js";
import { cost } from "./support/cost.mjs";

before(() => init());

const user = (content, more = {}) => ({ role: "user", content, ...more });
const assistant = (content, more = {}) => ({ role: "assistant", content, ...more });
const tool = (tool_call_id, content, more = {}) => ({ role: "tool", tool_call_id, content, ...more });
const calls = (...ids) => ids.map((id) => ({ id, type: "function", function: { name: "search", arguments: "{}" } }));

/** Checks that the result has exactly these objects in this order. */
function same(result, expected) {
  assert.deepEqual(result, expected);
  assert.ok(result.every((message, place) => message === expected[place]));
}

/** Returns the same messages as other objects. */
const copy = (messages) => structuredClone(messages);

test("server messages come first, in order, then the local ones it lacks, all as the objects they are", () => {
  const server = [user("a"), assistant("b")];
  const local = [...copy(server), user("c"), assistant("d")];
  same(mergeMessages(server, local), [...server, ...local.slice(2)]);
  same(mergeMessages(server, []), server);
  same(mergeMessages([], local), local);
});

test("the arguments are not changed, and the result is a new list", () => {
  const server = Object.freeze([user("a")]);
  const local = Object.freeze([user("b")]);
  const merged = mergeMessages(server, local);
  assert.notEqual(merged, server);
  merged.push(user("c"));
  assert.deepEqual([server.length, local.length], [1, 1]);
});

test("missing lists are empty ones", () => {
  assert.deepEqual(mergeMessages(undefined, null), []);
  const local = [user("a")];
  same(mergeMessages(null, local, null), local);
});

test("the very same object is never shown twice, whatever it is", () => {
  const odd = [{}, { type: "login_needed" }, user(undefined), { role: "data", content: { a: 1 } }];
  same(mergeMessages(odd, odd), odd);
});

test("equal ids match, whatever else differs", () => {
  const server = [user("hi", { id: "u1" }), assistant("Hello", { id: "a1" })];
  same(mergeMessages(server, [user("hi there", { id: "u1" }), assistant("Bye", { id: "a1" })]), server);
  same(mergeMessages([user("hi", { id: 5 })], [user("ho", { id: 5 })]).length === 1 ? [] : [1], []);
});

test("an empty or missing id does not count", () => {
  for (const id of ["", null, undefined]) {
    const merged = mergeMessages([user("a", { id })], [user("b", { id })]);
    assert.equal(merged.length, 2);
  }
});

test('"yes" sent twice stays twice', () => {
  const twice = [user("yes"), assistant("ok"), user("yes")];
  assert.equal(mergeMessages([user("yes"), assistant("ok")], copy(twice)).length, 3);
  assert.equal(mergeMessages(twice, copy(twice)).length, 3);
  assert.equal(mergeMessages([user("yes"), user("yes")], [user("yes"), user("yes")]).length, 2);
  assert.equal(mergeMessages([user("yes")], [user("yes"), user("yes")]).length, 2);
});

test("a user message without text matches another one without text at its place", () => {
  const file = (id, name) => ({ id, role: "user", parts: [{ type: "file", mediaType: "image/png", filename: name, url: `data:,${name}` }] });
  const server = [user("one"), assistant("1"), file("s1", "a.png"), assistant("A cat."), file("s2", "b.png")];
  same(mergeMessages(server, [file("l1", "a.png"), assistant("A cat."), file("l2", "b.png")]), server);
  for (const stored of [user("", { id: "s" }), user(null, { id: "s" }), { id: "s", role: "user" }]) {
    same(mergeMessages([stored], [file("l", "a.png")]), [stored]);
    same(mergeMessages([stored], [user([{ type: "image" }])]), [stored]);
  }
  const third = file("l3", "c.png");
  same(mergeMessages(server, [file("l1", "a.png"), assistant("A cat."), file("l2", "b.png"), third]), [...server, third]);
});

test("turns are aligned from the newest back, since the local list may be a window", () => {
  const server = [user("one"), assistant("1"), user("two"), assistant("2"), user("three"), assistant("3")];
  const local = [...copy(server.slice(2)), user("four")];
  same(mergeMessages(server, local), [...server, local.at(-1)]);
});

test("an answer matches when one is a prefix of the other at its place", () => {
  const server = [user("hi"), assistant("Hello there")];
  same(mergeMessages(server, [user("hi"), assistant("Hel")]), server);
  const cut = [user("hi"), assistant("Hel")];
  same(mergeMessages(cut, copy(server)), cut);
  const other = assistant("Goodbye");
  same(mergeMessages(server, [user("hi"), other]), [...server, other]);
});

test("a prefix may end between the halves of a surrogate pair", () => {
  const server = [user("hi"), assistant("a😀b")];
  same(mergeMessages(server, [user("hi"), assistant("a\ud83d")]), server);
  const other = assistant("a\ud83e");
  same(mergeMessages(server, [user("hi"), other]), [...server, other]);
});

test("tool messages of the server's shape match by their calls", () => {
  const server = [user("go"), assistant("", { tool_calls: calls("c1", "c2") }), tool("c1", "{}"), assistant("done")];
  const local = [user("go"), assistant(null, { tool_calls: calls("c1") }), tool("c1", "other"), tool("c2", "new"), assistant("do")];
  same(mergeMessages(server, local), [...server, local[3]]);
});

test("an answer whose beginning the page lacks is compared from the last message that both have", () => {
  const server = [user("go"), assistant("Let me see."), assistant("", { tool_calls: calls("c1") }), tool("c1", "1"), assistant("Found it.")];
  same(mergeMessages(server, [user("go"), { type: "tool_response", toolId: "c1", result: 1 }, assistant("Found")]), server);
  const other = assistant("Something else");
  same(mergeMessages(server, [user("go"), tool("c1", "1"), other]), [...server, other]);
});

test("messages of an app on the legacy dialect match the server's", () => {
  const server = [
    user("go"), assistant("", { tool_calls: calls("c1") }),
    tool("c1", JSON.stringify({ type: "operation_started", operation_id: "o1", task_id: "t" })), assistant("done"),
  ];
  const local = [
    { type: "message", role: "user", content: "go" },
    { type: "tool_call", toolId: "c1", toolName: "search", arguments: {} },
    { type: "operation_started", operationId: "o1", toolName: "search", message: "Started" },
    { type: "operation_in_progress", toolCallId: "c1", toolName: "search" },
    { type: "tool_response", toolId: "c1", toolName: "search", result: "x" },
    { type: "message", role: "assistant", content: "done" },
  ];
  same(mergeMessages(server, local), server.with(2, local[4]));
});

test("a call that the server has is not yet its result", () => {
  const server = [user("go"), assistant("", { tool_calls: calls("c1") })];
  const result = { type: "tool_response", toolId: "c1", result: "x" };
  same(mergeMessages(server, [{ type: "tool_call", toolId: "c1" }, result]), [...server, result]);
});

test("operations match under both spellings and inside results", () => {
  const server = [{ type: "operation_pending", operation_id: "o1" }];
  for (const local of [
    { type: "operation_started", operationId: "o1" },
    { type: "tool_response", result: { operation_id: "o1" } },
    { type: "tool_response", result: '{"type":"operation_started","operation_id":"o1"}' },
  ]) {
    same(mergeMessages(server, [local]), server);
  }
  const other = { type: "operation_started", operationId: "o2" };
  same(mergeMessages(server, [other]), [...server, other]);
});

test("a final tool response takes the place of the pending one of its call", () => {
  const pending = { type: "operation_pending", operation_id: "o1", tool_name: "search" };
  for (const stored of [tool("c1", JSON.stringify(pending)), tool("c1", pending), { ...pending, toolId: "c1" }]) {
    const server = [user("go"), assistant("", { tool_calls: calls("c1") }), stored, user("next")];
    const finals = [
      { type: "tool_response", toolId: "c1", toolName: "search", result: "found" },
      { type: "tool_response", operationId: "o1", result: { found: 1 } },
      tool("c1", '{"found": 1}'),
    ];
    for (const final of finals) {
      const settled = server.with(2, final);
      same(mergeMessages(server, [user("go"), final, user("next")]), settled);
      same(mergeMessages(server, settled), settled);
      same(mergeMessages(settled, server), settled);
    }
    same(mergeMessages(server, [{ type: "tool_response", toolId: "c1", result: { ...pending, type: "operation_started" } }]), server);
    same(mergeMessages(server, [{ type: "tool_response", toolId: "c1", result: "half", preliminary: true }]), server);
  }
});

test("a UI message with the final output takes the place of the one with the pending output", () => {
  const answer = (id, ...parts) => ({ id, role: "assistant", parts });
  const part = (toolCallId, output, more = {}) => ({ type: "dynamic-tool", toolName: "search", toolCallId, state: "output-available", input: {}, output, ...more });
  const started = { type: "operation_started", operation_id: "o1", task_id: "t2" };
  const settled = answer("l", part("c0", 0), part("c1", "found"), { type: "text", text: "There it is." });
  for (const pending of [part("c1", started), part("c1", JSON.stringify(started)), part("c1", "half", { preliminary: true })]) {
    const server = [user("go"), answer("s", part("c0", 0), pending)];
    same(mergeMessages(server, [settled]), [server[0], settled]);
    same(mergeMessages([server[0], settled], [server[1]]), [server[0], settled]);
    same(mergeMessages(server, [answer("l", part("c0", 0), pending, { type: "text", text: "more" })]), server);
  }
});

test("UI messages match by id, by their texts and by their tool parts", () => {
  const ui = (role, ...parts) => ({ id: `${role} ${Math.random()}`, role, parts });
  const text = (text) => ({ type: "text", text });
  const server = [ui("user", text("go")), ui("assistant", text("Let me see. "), { type: "tool-search", toolCallId: "c1", state: "output-available", output: 1 }, text("Found."))];
  same(mergeMessages(server, [{ ...server[0], parts: [] }]), server);
  same(mergeMessages(server, [ui("user", text("go")), ui("assistant", text("Let me"))]), server);
  same(mergeMessages(server, [ui("assistant", { type: "dynamic-tool", toolCallId: "c1", state: "input-available" })]), server);
});

test("UI messages match what the server stores", () => {
  const server = [user("go"), assistant("Let me see. ", { tool_calls: calls("c1") }), tool("c1", "1"), assistant("Found.")];
  const local = [
    { id: "x", role: "user", parts: [{ type: "text", text: "go" }] },
    { id: "y", role: "assistant", parts: [{ type: "text", text: "Let me see. " }, { type: "text", text: "Fou" }] },
  ];
  same(mergeMessages(server, local), server);
});

test("content in parts is text too", () => {
  const server = [user("hi there")];
  same(mergeMessages(server, [user([{ type: "text", text: "hi " }, { type: "image" }, { type: "text", text: "there" }])]), server);
});

test("with an active stream the server's answer after the last user message is dropped", () => {
  const server = [user("one"), assistant("1"), user("two"), assistant("par"), tool("c1", "x"), { role: "system", content: "s" }];
  const local = [user("two"), assistant("partial")];
  const expected = [...server.slice(0, 3), server[5], local[1]];
  for (const activeStream of [{ task_id: "t", last_message_id: "0-0" }, true]) {
    same(mergeMessages(server, local, { activeStream }), expected);
  }
  for (const activeStream of [null, undefined, false]) {
    assert.equal(mergeMessages(server, local, { activeStream }).length, 6);
  }
});

test("an operation's active stream drops nothing: its stream does not repeat the answer", () => {
  const server = [user("go"), assistant("", { tool_calls: calls("c1") }), tool("c1", '{"type":"operation_pending","operation_id":"o1"}'), assistant("It takes a while.")];
  for (const activeStream of [{ task_id: "t", operation_id: "o1", tool_name: "create_agent" }, { taskId: "t", toolName: "create_agent" }]) {
    same(mergeMessages(server, [], { activeStream }), server);
  }
  for (const tool_name of ["chat", null, undefined, ""]) {
    same(mergeMessages(server, [], { activeStream: { task_id: "t", tool_name } }), [server[0]]);
  }
});

test("an active stream that continues a message keeps it, with the responses to its calls", () => {
  const begun = assistant("Let me see.", { id: "a1", tool_calls: calls("c1", "c2") });
  const server = [user("go"), begun, tool("c1", "1"), tool("c2", "2"), assistant("par", { id: "a2" }), tool("c3", "3")];
  same(mergeMessages(server, [], { activeStream: { task_id: "t", message_id: "a1" } }), server.slice(0, 4));
  same(mergeMessages(server, [], { activeStream: { task_id: "t", messageId: "a1" } }), server.slice(0, 4));
  same(mergeMessages(server, [], { activeStream: { task_id: "t", message_id: "a2" } }), [server[0], server[4]]);
  same(mergeMessages(server, [], { activeStream: { task_id: "t", message_id: "unknown" } }), [server[0]]);
});

test("with an active stream a local answer is kept although the server has the same one", () => {
  const server = [user("two"), assistant("par", { id: "a" })];
  const local = [assistant("partial", { id: "a" })];
  same(mergeMessages(server, local, { activeStream: true }), [server[0], local[0]]);
});

test("messages that nothing is known of are kept", () => {
  const local = [{ type: "login_needed" }, { type: "inputs_needed" }, null, "text", 5];
  same(mergeMessages([user("a")], local).slice(1), local);
});

test("the result of a merge can be merged again", () => {
  const server = [{ role: "system", content: "be kind" }, user("a"), assistant("b"), user("a")];
  const once = mergeMessages(server, [user("a"), assistant("b"), user("a"), user("c")]);
  same(mergeMessages(server, once), once);
  assert.equal(mergeMessages(copy(server), once).length, once.length);
});

test("ten thousand messages are merged in the time of a frame or few", () => {
  const turn = (at) => [user(`question ${at % 9}`), assistant(`answer ${at}`.repeat(50))];
  const server = Array.from({ length: 5_000 }, (_, at) => turn(at)).flat();
  const local = [...copy(server.slice(2_000)), user("new")];
  const ms = cost(() => {
    same(mergeMessages(server, local), [...server, local.at(-1)]);
  });
  assert.ok(ms < 2_000);
});
