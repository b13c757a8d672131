// Calls of a conversation that come too early, too late or with wrong arguments, and backends that break the protocol.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { ChatBackend } from "./lib/chat-backend.mjs";
import { chat, closeAll, shows, texts } from "./lib/chat.mjs";

afterEach(closeAll);

const stored = (...messages) => messages.map(([role, text], place) => ({ id: `m-${place + 1}`, role, parts: [{ type: "text", text, state: "done" }] }));

/** Returns a chat whose history is loaded when the test says so. */
function slowChat(messages, options) {
  let arrive;
  const arrived = new Promise((resolve) => (arrive = resolve));
  const load = async () => (await arrived, { messages: made.backend.session().messages.map((message) => ({ ...message })), activeStream: null });
  const made = chat({ load, ...options });
  made.backend.session().messages.push(...messages);
  return { ...made, arrive };
}

describe("while the history loads", () => {
  test("a stop after a retry stops what that has begun", async () => {
    const { conversation, backend, arrive } = slowChat(stored(["user", "Hi"], ["assistant", "Hello"]));
    const outcome = conversation.retry("m-2");
    const stopped = conversation.stop();
    arrive();
    await stopped;
    assert.equal((await outcome).kind, "stopped");
    assert.equal(backend.task(), null);
    assert.equal(conversation.getSnapshot().isRunning, false);
  });

  test("a message that is sent after a regeneration goes out after it", async () => {
    const { conversation, backend, arrive } = slowChat(stored(["user", "Hi"], ["assistant", "Hello"]));
    const first = backend.next();
    const again = conversation.regenerate();
    const sent = conversation.send("More");
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: More"]);
    arrive();
    await first;
    const second = backend.next();
    backend.say("Hello again");
    backend.finish();
    await second;
    backend.say("And more");
    backend.finish();
    assert.deepEqual([(await again).kind, (await sent).kind], ["finished", "finished"]);
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: Hi", "assistant: Hello again", "user: More", "assistant: And more"]);
  });
});

describe("a call with something wrong", () => {
  test("is refused by name, and nothing is sent", async () => {
    const { conversation, backend } = chat();
    for (const [input, what] of [[{ text: 5 }, /text should be a string/], [{ parts: "x" }, /parts an array/], [5, /nothing to send/], [null, /nothing to send/]]) {
      await assert.rejects(conversation.send(input), { code: "INVALID_ARGUMENT", message: what });
      await assert.rejects(conversation.edit("m-1", input), { code: "INVALID_ARGUMENT", message: what });
    }
    assert.equal((await conversation.send({ text: "x", body: 1 })).error?.code, "INVALID_ARGUMENT");
    conversation.removeQueued(conversation.getSnapshot().messages[0].id);
    assert.deepEqual(conversation.getSnapshot().messages, []);
    assert.ok(backend.requests.every(({ method }) => method === "GET"));
  });

  test("that names no message resolves with MESSAGE_NOT_FOUND, whichever it is, and keeps what was typed", async () => {
    const { conversation } = chat({ initialMessages: [] });
    for (const call of [() => conversation.regenerate("nope"), () => conversation.retry("nope"), () => conversation.regenerate(), () => conversation.edit("nope", "Typed")]) {
      const outcome = await call();
      assert.deepEqual([outcome.kind, outcome.error?.code], ["failed", "MESSAGE_NOT_FOUND"]);
    }
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: Typed"]);
    assert.deepEqual(Object.values(conversation.getSnapshot().delivery), ["unsent"]);
  });
});

test("a conversation that was disposed of posts nothing", async () => {
  const { conversation, backend } = chat({ initialMessages: stored(["user", "Hi"], ["assistant", "Hello"]) });
  conversation.dispose();
  const calls = [
    () => conversation.send("More"), () => conversation.regenerate(), () => conversation.edit("m-1", "Other"), () => conversation.retry(),
    () => conversation.resume(), () => conversation.refresh(),
    () => conversation.addToolOutput({ toolCallId: "c", output: 1 }), () => conversation.respondToApproval({ approvalId: "c", approved: true }),
  ];
  for (const call of calls) await assert.rejects(call(), { code: "CLOSED" }, String(call));
  assert.deepEqual(backend.requests, []);
});

test("a call that waits for the history of a conversation that is disposed of is refused", async () => {
  const { conversation, backend, arrive } = slowChat(stored(["user", "Hi"], ["assistant", "Hello"]));
  const outcome = conversation.regenerate();
  conversation.dispose();
  arrive();
  await assert.rejects(outcome, { code: "CLOSED" });
  assert.ok(backend.requests.every(({ method }) => method === "GET"));
});

/** Returns a conversation with one answer, whose task the backend still reports as running. */
async function lagging() {
  const { conversation, backend } = chat({ initialMessages: [] });
  const finished = [];
  conversation.on("finish", ({ kind }) => finished.push(kind));
  const begun = backend.next();
  const first = conversation.send("Hi");
  const { id } = await begun;
  backend.say("Hello");
  backend.finish();
  await first;
  const refused = () => Response.json({ detail: { code: "TASK_RUNNING", message: "busy", task_id: id } }, { status: 409 });
  return { conversation, backend, finished, refused };
}

test("a message that is refused because of a task that has ended goes out by itself when the backend has noticed", async () => {
  const { conversation, backend, finished, refused } = await lagging();
  backend.faults.push(refused(), refused());
  const next = backend.next();
  const outcome = conversation.send("More");
  await next;
  backend.say("Here");
  backend.finish();
  assert.equal((await outcome).kind, "finished");
  assert.deepEqual(texts(conversation.getSnapshot()), ["user: Hi", "assistant: Hello", "user: More", "assistant: Here"]);
  assert.deepEqual(finished, ["finished", "finished"]);
});

test("a message that is refused again because of a task that has ended becomes unsent, and `finish` is reported once", async () => {
  const { conversation, backend, finished, refused } = await lagging();
  backend.faults.push(...Array.from({ length: 50 }, refused));
  const outcome = await conversation.send("More");
  assert.deepEqual([outcome.kind, outcome.error.code], ["failed", "TASK_RUNNING"]);
  const { delivery, error } = conversation.getSnapshot();
  assert.deepEqual([delivery, error.code], [{ "q-2": "unsent" }, "TASK_RUNNING"]);
  assert.equal(50 - backend.faults.length, 4, "the client tries three times more");
  assert.deepEqual(finished, ["finished", "failed"]);

  backend.faults.length = 0;
  const next = backend.next();
  const again = conversation.retry();
  await next;
  backend.say("Here");
  backend.finish();
  assert.equal((await again).kind, "finished");
  assert.deepEqual(texts(conversation.getSnapshot()), ["user: Hi", "assistant: Hello", "user: More", "assistant: Here"]);
});

test("a running task that only the app's own `load` knows of is joined", async () => {
  /** A backend that does not report running tasks, such as one whose sessions are stored elsewhere. */
  class Quiet extends ChatBackend {
    fetch = ((own) => async (url, init) => {
      const answer = await own(url, init);
      if (!/\/sessions\/s$/.test(url)) return answer;
      return Response.json({ ...(await answer.json()), active_stream: null });
    })(this.fetch);
  }
  const backend = new Quiet();
  const other = chat({ generateId: () => "other" }, { backend });
  const begun = backend.next();
  void other.conversation.send("Hi");
  const task = await begun;
  backend.say("Hel");
  const load = async () => ({ messages: backend.session().messages, activeStream: backend.task() && { task_id: task.id, message_id: task.message.id } });
  const { conversation } = chat({ load }, { backend });
  const outcome = conversation.resume();
  await shows(conversation, (snapshot) => texts(snapshot).includes("assistant: Hel") && snapshot.status === "streaming");
  backend.say("lo");
  backend.finish();
  assert.equal((await outcome)?.kind, "finished");
  assert.deepEqual(texts(conversation.getSnapshot()), ["user: Hi", "assistant: Hello"]);
});
