// `createConversation` as API.md describes it ("A whole chat").

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { until } from "./lib/backend.mjs";
import { ChatBackend } from "./lib/chat-backend.mjs";
import { chat, closeAll, shows, texts } from "./lib/chat.mjs";

afterEach(closeAll);

const isReady = ({ status }) => status === "ready";
const stored = (...messages) => messages.map(([role, text], place) => ({ id: `m-${place + 1}`, role, parts: [{ type: "text", text, state: "done" }] }));

/** Returns a chat whose backend has a history already. */
function chatWith(messages, options, clientOptions) {
  const made = chat(options, clientOptions);
  made.backend.session().messages.push(...messages);
  return made;
}

/** Sends a message and answers it. */
async function converse({ conversation, backend }, question, answer) {
  const begun = backend.next();
  const outcome = conversation.send(question);
  await begun;
  backend.say(answer);
  backend.finish();
  return outcome;
}

describe("the history", () => {
  test("is loaded at the first subscription, and nothing is asked before", async () => {
    const { conversation, backend } = chatWith(stored(["user", "Hi"], ["assistant", "Hello"]));
    assert.equal(conversation.getSnapshot().status, "loading");
    assert.deepEqual(backend.requests, []);
    const snapshot = await shows(conversation, isReady);
    assert.deepEqual(texts(snapshot), ["user: Hi", "assistant: Hello"]);
    assert.deepEqual(backend.requests.map(({ path }) => path), ["/sessions/s"]);
  });

  test("that the app has already is not loaded", async () => {
    const initialMessages = stored(["user", "Hi"]);
    const { conversation, backend } = chat({ initialMessages });
    assert.equal(conversation.getSnapshot().status, "ready");
    assert.equal(conversation.getServerSnapshot().status, "ready");
    assert.deepEqual(conversation.getServerSnapshot().messages, initialMessages);
    conversation.subscribe(() => {});
    assert.deepEqual(backend.requests, []);
  });

  test("that cannot be loaded is an error that `retry` heals", async () => {
    const { conversation, backend } = chatWith(stored(["user", "Hi"]), { load: async (...given) => load(...given) });
    let load = async () => {
      throw new Error("away");
    };
    const { error } = await shows(conversation, ({ status }) => status === "error");
    assert.equal(error.code, "LOAD_FAILED");
    load = async () => ({ messages: backend.session().messages, activeStream: null });
    assert.deepEqual(await conversation.retry(), { kind: "finished" });
    assert.equal(conversation.getSnapshot().status, "ready");
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: Hi"]);
  });

  test("that cannot be refreshed leaves the list, sets the error and rejects", async () => {
    const { conversation, backend } = chatWith(stored(["user", "Hi"]));
    await shows(conversation, isReady);
    backend.isDown = true;
    await assert.rejects(conversation.refresh(), { name: "RejoinError" });
    assert.equal(conversation.getSnapshot().status, "error");
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: Hi"]);
    backend.isDown = false;
    await conversation.refresh();
    assert.equal(conversation.getSnapshot().error, undefined);
  });

  test("messages and parts that a refresh does not change keep their identity", async () => {
    const { conversation, backend } = chatWith(stored(["user", "Hi"], ["assistant", "Hello"]));
    const before = await shows(conversation, isReady);
    await conversation.refresh();
    assert.equal(conversation.getSnapshot(), before);
    backend.session().messages[1].parts.push({ type: "text", text: " again", state: "done" });
    await conversation.refresh();
    const after = conversation.getSnapshot();
    assert.equal(after.messages[0], before.messages[0]);
    assert.notEqual(after.messages[1], before.messages[1]);
    assert.equal(after.messages[1].parts[0], before.messages[1].parts[0]);
  });

  test("without a running task wins over a saved task of the session", async () => {
    const { conversation, streams, backend } = chatWith(stored(["user", "Hi"], ["assistant", "Hello"]));
    await streams.ready;
    streams.setActiveTask("s", { taskId: "gone" });
    assert.equal(await conversation.resume(), null);
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: Hi", "assistant: Hello"]);
    assert.equal(backend.requests.length, 1);
  });

  test("of a backend without ids gets ids that stay", async () => {
    const messages = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }];
    const { conversation } = chat({ load: async () => ({ messages, activeStream: null }) });
    const before = await shows(conversation, isReady);
    messages.push({ role: "user", content: "More" });
    await conversation.refresh();
    assert.deepEqual(conversation.getSnapshot().messages.slice(0, 2), before.messages);
    assert.equal(conversation.getSnapshot().messages[0], before.messages[0]);
  });

  test("that an app loads as a list does not say what runs, and a resumed answer is in the list once", async () => {
    const made = chat({ load: async () => made.backend.session().messages.concat(made.backend.task()?.message ?? []).map((message) => ({ ...message })) });
    const other = chat({ generateId: () => "other" }, { backend: made.backend });
    const begun = made.backend.next();
    void other.conversation.send("Hi");
    await begun;
    made.backend.say("Hel");
    const outcome = made.conversation.resume();
    await shows(made.conversation, (snapshot) => texts(snapshot).includes("assistant: Hel") && snapshot.status === "streaming");
    made.backend.say("lo");
    made.backend.finish();
    assert.equal((await outcome).kind, "finished");
    assert.deepEqual(texts(made.conversation.getSnapshot()), ["user: Hi", "assistant: Hello"]);
  });
});

describe("a message", () => {
  test("is in the list at once, is sent under its own id, and its answer follows", async () => {
    const made = chat();
    const { conversation, backend } = made;
    const begun = backend.next();
    const outcome = conversation.send("Hi");
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: Hi"]);
    assert.deepEqual(conversation.getSnapshot().delivery, { "q-1": "sending" });
    await begun;
    const { body } = backend.requests.find(({ method }) => method === "POST");
    assert.equal(body.message_id, "q-1");
    assert.equal("parts" in body || "trigger" in body, false);
    await shows(conversation, ({ status }) => status === "streaming");
    assert.deepEqual(conversation.getSnapshot().delivery, {});
    backend.say("Hello");
    const { messages, isRunning } = await shows(conversation, (snapshot) => texts(snapshot)[1] === "assistant: Hello");
    assert.equal(isRunning, true);
    assert.equal(messages[1].id, "a-1");
    backend.finish();
    assert.equal((await outcome).kind, "finished");
    assert.deepEqual(conversation.getSnapshot().status, "ready");
    await conversation.refresh();
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: Hi", "assistant: Hello"]);
    assert.equal(conversation.getSnapshot().messages[1].id, messages[1].id);
  });

  test("reaches the backend with its parts, files, metadata, context and body", async () => {
    const { conversation, backend } = chat();
    const begun = backend.next();
    const files = [new File(["data"], "a.txt", { type: "text/plain" })];
    void conversation.send({ text: "Look", files, metadata: { mood: "curious" }, context: { url: "u", content: "c" }, body: { model: "m" } });
    await begun;
    const { body } = backend.requests.find(({ method }) => method === "POST");
    assert.equal(body.message, "Look");
    assert.deepEqual(body.parts, [
      { type: "text", text: "Look" },
      { type: "file", mediaType: "text/plain", filename: "a.txt", url: `data:text/plain;base64,${btoa("data")}` },
    ]);
    assert.deepEqual([body.metadata, body.context, body.body], [{ mood: "curious" }, { url: "u", content: "c" }, { model: "m" }]);
    assert.deepEqual(conversation.getSnapshot().messages[0].parts, body.parts);
  });

  test("whose file cannot be read is unsent, and `retry` reads it again", async () => {
    const { conversation, backend } = chat();
    let isReadable = false;
    const file = { name: "a", type: "text/plain", arrayBuffer: async () => (isReadable ? new TextEncoder().encode("x").buffer : Promise.reject(new Error("gone"))) };
    const outcome = await conversation.send({ text: "Look", files: [file] });
    assert.equal(outcome.error.code, "FILE_UNREADABLE");
    assert.deepEqual(Object.values(conversation.getSnapshot().delivery), ["unsent"]);
    isReadable = true;
    const begun = backend.next();
    void conversation.retry();
    await begun;
    assert.equal(backend.requests.find(({ method }) => method === "POST").body.parts.length, 2);
  });

  test("without anything to send is refused", async () => {
    const { conversation } = chat();
    await assert.rejects(conversation.send(""), { code: "INVALID_ARGUMENT" });
    await assert.rejects(conversation.send({ text: "", files: [] }), { code: "INVALID_ARGUMENT" });
    assert.deepEqual(conversation.getSnapshot().messages, []);
  });

  test("that the backend refuses is unsent, keeps its text, and goes out under its own id", async () => {
    const { conversation, backend } = chat();
    backend.faults.push(Response.json({ detail: { code: "ACCESS_DENIED", message: "no" } }, { status: 403 }));
    const outcome = await conversation.send("Hi");
    assert.equal(outcome.error.code, "ACCESS_DENIED");
    const { status, delivery, error } = conversation.getSnapshot();
    assert.deepEqual([status, delivery, error.code], ["error", { "q-1": "unsent" }, "ACCESS_DENIED"]);
    const begun = backend.next();
    const again = conversation.retry();
    await begun;
    backend.finish();
    assert.equal((await again).kind, "finished");
    assert.deepEqual(backend.requests.filter(({ method }) => method === "POST").map(({ body }) => body.message_id), ["q-1", "q-1"]);
    assert.deepEqual(conversation.getSnapshot().delivery, {});
  });

  test("whose answer was lost on the way is not sent twice", async () => {
    const { conversation, backend } = chat({}, { retry: { initialDelayMs: 1, maxDelayMs: 2, maxRetries: 1 } });
    await shows(conversation, isReady);
    backend.faults.push("lose-answer", "lose", "lose");
    const begun = backend.next();
    const sent = conversation.send("Hi");
    await begun;
    await shows(conversation, ({ delivery }) => Object.keys(delivery).length === 0);
    backend.say("Hello");
    backend.finish();
    assert.equal((await sent).kind, "finished");
    await conversation.refresh();
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: Hi", "assistant: Hello"]);
  });

  test("with a signal becomes unsent before the backend has it, and leaves the stream after", async () => {
    const { conversation, backend } = chat();
    await shows(conversation, isReady);
    const early = new AbortController();
    backend.isDown = true;
    const first = conversation.send("One", { signal: early.signal });
    early.abort();
    assert.equal((await first).kind, "superseded");
    backend.isDown = false;
    assert.deepEqual(Object.values(conversation.getSnapshot().delivery), ["unsent"]);
    const late = new AbortController();
    const begun = backend.next();
    const second = conversation.send("Two", { signal: late.signal });
    await begun;
    await shows(conversation, ({ status }) => status === "streaming");
    late.abort();
    assert.equal((await second).kind, "superseded");
    assert.equal(backend.task().status, "running");
    assert.deepEqual(Object.values(conversation.getSnapshot().delivery), ["unsent"]);
  });
});

describe("a message that is sent while an answer is written", () => {
  test("waits, and goes out in order after it", async () => {
    const { conversation, backend } = chat();
    let begun = backend.next();
    void conversation.send("One");
    await begun;
    void conversation.send("Two");
    const third = conversation.send("Three");
    assert.deepEqual(conversation.getSnapshot().delivery, { "q-1": "sending", "q-2": "queued", "q-3": "queued" });
    for (const answer of ["a", "b", "c"]) {
      backend.say(answer);
      begun = answer === "c" ? undefined : backend.next();
      backend.finish();
      await begun;
    }
    assert.equal((await third).kind, "finished");
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: One", "assistant: a", "user: Two", "assistant: b", "user: Three", "assistant: c"]);
  });

  test('is unsent with "reject", and says so', async () => {
    const { conversation, backend } = chat({ whileRunning: "reject" });
    const begun = backend.next();
    void conversation.send("One");
    await begun;
    const outcome = await conversation.send("Two");
    assert.equal(outcome.error.code, "TASK_RUNNING");
    assert.equal(conversation.getSnapshot().delivery["q-2"], "unsent");
  });

  test("can be removed", async () => {
    const { conversation, backend } = chat();
    const begun = backend.next();
    void conversation.send("One");
    await begun;
    const second = conversation.send("Two");
    conversation.removeQueued("q-2");
    assert.equal((await second).kind, "superseded");
    assert.deepEqual(texts(conversation.getSnapshot()).includes("user: Two"), false);
  });

  test("waits after a stop until the next send", async () => {
    const { conversation, backend } = chat();
    let begun = backend.next();
    const first = conversation.send("One");
    await begun;
    await shows(conversation, ({ status }) => status === "streaming");
    const second = conversation.send("Two");
    await conversation.stop();
    assert.equal((await first).kind, "stopped");
    assert.equal(conversation.getSnapshot().status, "ready");
    assert.equal(conversation.getSnapshot().delivery["q-2"], "queued");
    begun = backend.next();
    void conversation.send("Three");
    await begun;
    assert.equal(backend.task().messageId, "q-2");
    backend.finish();
    assert.equal((await second).kind, "finished");
  });

  test("of a task that this page does not know waits for it, and shows its answer and its question", async () => {
    const made = chat();
    const other = chat({ generateId: () => "other" }, { backend: made.backend });
    let begun = made.backend.next();
    void other.conversation.send("Theirs");
    await begun;
    await shows(made.conversation, isReady);
    const sent = made.conversation.send("Ours");
    made.backend.say("For them");
    await shows(made.conversation, (snapshot) => texts(snapshot).includes("assistant: For them"));
    assert.equal(made.conversation.getSnapshot().delivery["q-1"], "sending");
    begun = made.backend.next();
    made.backend.finish();
    await begun;
    made.backend.say("For us");
    made.backend.finish();
    assert.equal((await sent).kind, "finished");
    await shows(made.conversation, (snapshot) => texts(snapshot).length === 4);
    assert.deepEqual(texts(made.conversation.getSnapshot()), ["user: Theirs", "assistant: For them", "user: Ours", "assistant: For us"]);
  });
});

describe("another version", () => {
  test("of an answer replaces it, and the question stays once", async () => {
    const made = chat();
    await converse(made, "Hi", "Hello");
    const begun = made.backend.next();
    const outcome = made.conversation.regenerate();
    await begun;
    assert.deepEqual(texts(made.conversation.getSnapshot()).slice(0, 1), ["user: Hi"]);
    made.backend.say("Hey");
    made.backend.finish();
    assert.equal((await outcome).kind, "finished");
    assert.deepEqual(texts(made.conversation.getSnapshot()), ["user: Hi", "assistant: Hey"]);
    const { body } = made.backend.requests.filter(({ method }) => method === "POST").at(-1);
    assert.deepEqual([body.trigger, body.replaces], ["regenerate", "a-1"]);
    await made.conversation.refresh();
    assert.deepEqual(texts(made.conversation.getSnapshot()), made.backend.texts());
  });

  test("goes out before a message that is sent after it, which waits", async () => {
    const made = chat();
    await converse(made, "Hi", "Hello");
    const begun = made.backend.next();
    const again = made.conversation.regenerate();
    const sent = made.conversation.send("And then?");
    assert.equal(made.conversation.getSnapshot().isRunning, true);
    await begun;
    const next = made.backend.next();
    made.backend.say("Hey");
    made.backend.finish();
    assert.equal((await again).kind, "finished");
    await next;
    made.backend.say("Then this");
    made.backend.finish();
    assert.equal((await sent).kind, "finished");
    assert.deepEqual(texts(made.conversation.getSnapshot()), ["user: Hi", "assistant: Hey", "user: And then?", "assistant: Then this"]);
  });

  test("of a question replaces it and all after it", async () => {
    const made = chat();
    await converse(made, "One", "a");
    await converse(made, "Two", "b");
    const begun = made.backend.next();
    const outcome = made.conversation.edit("q-1", "Uno");
    await begun;
    made.backend.say("c");
    made.backend.finish();
    await outcome;
    assert.deepEqual(texts(made.conversation.getSnapshot()), ["user: Uno", "assistant: c"]);
    assert.deepEqual(made.backend.texts(), ["user: Uno", "assistant: c"]);
  });

  test("that is refused restores the old messages, and marks the new one as unsent", async () => {
    const made = chat();
    await converse(made, "One", "a");
    const refused = () => Response.json({ detail: { code: "ACCESS_DENIED", message: "no" } }, { status: 403 });
    made.backend.faults.push(refused());
    assert.equal((await made.conversation.regenerate()).error.code, "ACCESS_DENIED");
    assert.deepEqual(texts(made.conversation.getSnapshot()), ["user: One", "assistant: a"]);
    made.backend.faults.push(refused());
    assert.equal((await made.conversation.edit("q-1", "Uno")).kind, "failed");
    assert.deepEqual(texts(made.conversation.getSnapshot()), ["user: One", "assistant: a", "user: Uno"]);
    assert.deepEqual(Object.values(made.conversation.getSnapshot().delivery), ["unsent"]);
    const begun = made.backend.next();
    const again = made.conversation.retry();
    await begun;
    made.backend.finish();
    await again;
    assert.deepEqual(made.backend.texts(), ["user: Uno", "assistant: "]);
    assert.deepEqual(texts(made.conversation.getSnapshot()), ["user: Uno", "assistant: "]);
  });

  test("that is refused because another device goes on with what it replaces puts each old message back once", async () => {
    const { conversation, backend } = chat();
    for (const text of ["One", "Two"]) {
      const begun = backend.next();
      const sent = conversation.send(text);
      await begun;
      if (text === "One") backend.say("Eins");
      else backend.task().write({ type: "tool-input-available", toolCallId: "c", toolName: "look", input: {} });
      backend.finish();
      await sent;
    }
    const other = chat({ generateId: () => "o-1" }, { backend });
    await other.conversation.refresh();
    const continued = backend.next();
    await other.conversation.addToolOutput({ toolCallId: "c", output: 1 });
    await continued;

    const shown = new Set();
    conversation.subscribe(() => shown.add(conversation.getSnapshot().messages.map(({ id }) => id).join()));
    const edited = conversation.edit("q-2", "Zwei");
    await shows(conversation, ({ delivery }) => delivery["q-3"] === "sending");
    await until(() => [...shown].some((ids) => ids.includes("a-2")));
    const replaced = backend.next();
    backend.say("Done");
    backend.finish();
    await replaced;
    backend.say("Ja");
    backend.finish();
    assert.equal((await edited).kind, "finished");
    assert.ok(shown.has("q-1,a-1,q-2,a-2,q-3"), [...shown].join(" "));
    for (const ids of shown) assert.equal(new Set(ids.split(",")).size, ids.split(",").length, ids);
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: One", "assistant: Eins", "user: Zwei", "assistant: Ja"]);
  });

  test("of a question replaces also what another device wrote after it, whatever a history brings meanwhile", async () => {
    const backend = new ChatBackend();
    const { fetch } = backend;
    let loaded;
    backend.fetch = async (url, init) => {
      if (url.endsWith("/stream")) await loaded;
      return fetch(url, init);
    };
    const { conversation } = chat({}, { backend });
    const other = chat({ generateId: () => "o-1" }, { backend });
    for (const send of [() => conversation.send("One"), () => other.conversation.send("Two")]) {
      const begun = backend.next();
      const sent = send();
      await begun;
      backend.say("Yes");
      backend.finish();
      await sent;
    }
    loaded = conversation.refresh();
    const replaced = backend.next();
    const edited = conversation.edit("q-1", "Eins");
    await replaced;
    backend.say("Ja");
    backend.finish();
    await edited;
    assert.deepEqual(texts(conversation.getSnapshot()), ["user: Eins", "assistant: Ja"]);
    assert.deepEqual(backend.texts(), ["user: Eins", "assistant: Ja"]);
  });

  test("is refused while an answer is written", async () => {
    const made = chat();
    await converse(made, "One", "a");
    const begun = made.backend.next();
    void made.conversation.send("Two");
    await begun;
    assert.equal((await made.conversation.regenerate()).error.code, "TASK_RUNNING");
    assert.equal((await made.conversation.edit("q-1", "Uno")).error.code, "TASK_RUNNING");
  });

  test("of an answer that has failed comes with `retry`", async () => {
    const made = chat();
    let begun = made.backend.next();
    const first = made.conversation.send("Hi");
    await begun;
    made.backend.say("Hel");
    made.backend.fail();
    assert.equal((await first).error.code, "AGENT_FAILED");
    assert.equal(made.conversation.getSnapshot().status, "error");
    begun = made.backend.next();
    const second = made.conversation.retry();
    await begun;
    made.backend.say("Hello");
    made.backend.finish();
    assert.equal((await second).kind, "finished");
    assert.equal(made.backend.requests.filter(({ method }) => method === "POST").at(-1).body.trigger, "regenerate");
    assert.deepEqual(texts(made.conversation.getSnapshot()), ["user: Hi", "assistant: Hello"]);
  });
});

describe("tool calls", () => {
  async function asked(...calls) {
    const made = chat();
    const begun = made.backend.next();
    const outcome = made.conversation.send("Hi");
    const task = await begun;
    for (const toolCallId of calls) task.write({ type: "tool-input-available", toolCallId, toolName: "look", input: { at: toolCallId } });
    made.backend.finish();
    await outcome;
    return made;
  }

  test("an output is shown at once, and the turn goes on in the same message", async () => {
    const made = await asked("c-1");
    const { id } = made.conversation.getSnapshot().messages[1];
    const begun = made.backend.next();
    await made.conversation.addToolOutput({ toolCallId: "c-1", output: { seen: 1 } });
    assert.deepEqual(made.conversation.getSnapshot().messages[1].parts[0].output, { seen: 1 });
    await begun;
    const { body } = made.backend.requests.filter(({ method }) => method === "POST").at(-1);
    assert.deepEqual([body.trigger, body.tool_outputs], ["continue", [{ tool_call_id: "c-1", output: { seen: 1 } }]]);
    made.backend.say("Seen");
    made.backend.finish();
    const { messages } = await shows(made.conversation, (snapshot) => isReady(snapshot) && texts(snapshot)[1] === "assistant: Seen");
    assert.deepEqual(messages.map(({ id }) => id), ["q-1", id]);
    assert.deepEqual(messages[1].parts.map(({ type, state }) => [type, state]), [["tool-look", "output-available"], ["text", "done"]]);
    assert.deepEqual(messages[1].parts[0].input, { at: "c-1" });
    await made.conversation.refresh();
    assert.deepEqual(made.conversation.getSnapshot().messages[1].parts.length, 2);
  });

  test("outputs for some of several calls wait for the others", async () => {
    const made = await asked("c-1", "c-2");
    await made.conversation.addToolOutput({ toolCallId: "c-1", output: 1 });
    assert.equal(made.conversation.getSnapshot().isRunning, false);
    const begun = made.backend.next();
    await made.conversation.addToolOutput({ toolCallId: "c-2", errorText: "broken" });
    await begun;
    const { body } = made.backend.requests.filter(({ method }) => method === "POST").at(-1);
    assert.deepEqual(body.tool_outputs, [{ tool_call_id: "c-1", output: 1 }, { tool_call_id: "c-2", error_text: "broken" }]);
  });

  test("a message waits while a call waits", async () => {
    const made = await asked("c-1");
    void made.conversation.send("More");
    assert.equal(made.conversation.getSnapshot().delivery["q-2"], "queued");
    let begun = made.backend.next();
    await made.conversation.addToolOutput({ toolCallId: "c-1", output: 1 });
    await begun;
    begun = made.backend.next();
    made.backend.finish();
    assert.equal((await begun).messageId, "q-2");
  });

  test("an approval goes on likewise", async () => {
    const made = chat();
    let begun = made.backend.next();
    const outcome = made.conversation.send("Hi");
    const task = await begun;
    task.write({ type: "tool-input-available", toolCallId: "c", toolName: "act", input: {} });
    task.write({ type: "tool-approval-request", toolCallId: "c", approvalId: "ap" });
    made.backend.finish();
    await outcome;
    begun = made.backend.next();
    await made.conversation.respondToApproval({ approvalId: "ap", approved: true });
    assert.equal(made.conversation.getSnapshot().messages[1].parts[0].approval.approved, true);
    await begun;
    made.backend.task().write({ type: "tool-output-available", toolCallId: "c", output: "done" });
    made.backend.finish();
    const { messages } = await shows(made.conversation, ({ messages, status }) => status === "ready" && messages[1].parts[0].state === "output-available");
    assert.equal(messages[1].parts.length, 1);
    assert.equal(messages[1].parts[0].approval.approved, true);
  });

  test("are settled once, and unknown ones are refused", async () => {
    const made = await asked("c-1", "c-2");
    await made.conversation.addToolOutput({ toolCallId: "c-1", output: 1 });
    await made.conversation.addToolOutput({ toolCallId: "c-1", output: 1 });
    await assert.rejects(made.conversation.addToolOutput({ toolCallId: "c-1", output: 2 }), { code: "TOOL_CALL_SETTLED" });
    await assert.rejects(made.conversation.addToolOutput({ toolCallId: "c-9", output: 2 }), { code: "TOOL_CALL_NOT_FOUND" });
  });

  test("a continuation that fails keeps the outputs, and `retry` sends them again", async () => {
    const made = await asked("c-1");
    made.backend.faults.push(Response.json({ detail: { code: "ACCESS_DENIED", message: "no" } }, { status: 403 }));
    await made.conversation.addToolOutput({ toolCallId: "c-1", output: 1 });
    await shows(made.conversation, ({ status }) => status === "error");
    assert.equal(made.conversation.getSnapshot().messages[1].parts[0].state, "output-available");
    const begun = made.backend.next();
    const again = made.conversation.retry();
    await begun;
    made.backend.finish();
    assert.equal((await again).kind, "finished");
  });
});

describe("events", () => {
  test("an end, a complete input and data are each reported once, and nothing of a replay", async () => {
    const made = chat();
    const received = [];
    for (const event of ["finish", "error", "toolCall", "data"]) made.conversation.on(event, (value) => received.push([event, value.kind ?? value.toolCallId ?? value.data]));
    const begun = made.backend.next();
    const outcome = made.conversation.send("Hi");
    const task = await begun;
    task.write({ type: "tool-input-available", toolCallId: "c", toolName: "look", input: {} });
    task.write({ type: "tool-output-available", toolCallId: "c", output: 1 });
    task.add({ type: "data-note", data: 7 });
    await shows(made.conversation, ({ messages }) => messages[1]?.parts.length === 2);
    made.backend.cut();
    made.backend.say("x");
    made.backend.finish();
    await outcome;
    await made.conversation.resume();
    assert.deepEqual(received, [["toolCall", "c"], ["data", 7], ["finish", "finished"]]);
  });

  test("a callback that throws stops neither the others nor the conversation", async (context) => {
    const made = chat();
    const received = [];
    context.mock.method(console, "error", () => {});
    made.conversation.on("finish", () => {
      throw new Error("mine");
    });
    made.conversation.on("finish", ({ kind }) => received.push(kind));
    await converse(made, "Hi", "Hello");
    assert.deepEqual(received, ["finished"]);
  });
});

describe("a reload", () => {
  test("resumes the answer that is being written, with its question, in one list", async () => {
    const first = chat();
    const begun = first.backend.next();
    void first.conversation.send("Hi");
    await begun;
    first.backend.say("Hel");
    const second = chat({}, { backend: first.backend });
    const outcome = second.conversation.resume();
    await shows(second.conversation, (snapshot) => texts(snapshot)[1] === "assistant: Hel");
    first.backend.say("lo");
    first.backend.finish();
    assert.equal((await outcome).kind, "finished");
    assert.deepEqual(texts(second.conversation.getSnapshot()), ["user: Hi", "assistant: Hello"]);
  });

  test("in the middle of a continuation shows the whole message once", async () => {
    const first = chat();
    let begun = first.backend.next();
    const sent = first.conversation.send("Hi");
    (await begun).write({ type: "tool-input-available", toolCallId: "c", toolName: "look", input: { a: 1 } });
    first.backend.finish();
    await sent;
    begun = first.backend.next();
    await first.conversation.addToolOutput({ toolCallId: "c", output: 1 });
    await begun;
    first.backend.say("Se");
    const second = chat({}, { backend: first.backend });
    const outcome = second.conversation.resume();
    await shows(second.conversation, (snapshot) => texts(snapshot)[1] === "assistant: Se");
    await second.conversation.refresh();
    first.backend.say("en");
    first.backend.finish();
    await outcome;
    const { messages } = second.conversation.getSnapshot();
    assert.deepEqual(texts({ messages }), ["user: Hi", "assistant: Seen"]);
    assert.deepEqual(messages[1].parts.map(({ type }) => type), ["tool-look", "text"]);
    assert.deepEqual(messages[1].parts[0].input, { a: 1 });
  });
});

describe("the list in the page", () => {
  test("can be set, and messages that wait leave it with the update", async () => {
    const made = chat();
    await converse(made, "Hi", "Hello");
    made.conversation.setMessages((messages) => messages.slice(0, 1));
    assert.deepEqual(texts(made.conversation.getSnapshot()), ["user: Hi"]);
  });
});
