// A page with a whole conversation, without styles, and with `globalThis.tab` for the tests.

import { createWatch, problems } from "./watch.js";

const session = new URLSearchParams(location.search).get("session");
const { createChatStreams, createConversation } = await import("./dist/index.js");
const streams = createChatStreams();
const chat = createConversation(streams, session);

const textOf = ({ parts }) => parts.map(({ type, text }) => (type === "text" ? text : "")).join("");

/** Returns what the page shows of its chat. */
function state() {
  const { messages, status, delivery, error } = chat.getSnapshot();
  const parts = messages.flatMap((message) => message.parts);
  const calls = parts.filter(({ toolCallId }) => toolCallId).map(({ type, state, toolCallId, approval }) => ({ name: type, state, id: toolCallId, approvalId: approval?.id }));
  const files = parts.filter(({ type }) => type === "file").map(({ filename, mediaType, url }) => ({ filename, mediaType, url }));
  const ids = messages.map(({ id }) => id);
  const shown = messages.map((message) => `${message.role}: ${textOf(message)}`);
  return { status, shown, ids, calls, files, delivery: Object.values(delivery), error: error?.code, problems, text: shown.join(), received: "" };
}

const { look, until } = createWatch(state, {
  status: (now, ...names) => names.includes(now.status),
  delivery: (now, ...states) => JSON.stringify(now.delivery) === JSON.stringify(states),
  shows: (now, count) => now.shown.length === count && now.status === "ready",
  call: (now, state) => now.status === "ready" && now.calls.at(-1)?.state === state,
  question: (now, text) => now.shown.includes(`user: ${text}`),
});
chat.subscribe(look);

const kind = (outcome) => outcome.then(({ kind }) => kind);

globalThis.tab = {
  state,
  until,
  ask: (text) => kind(chat.send(text)),
  send: (text) => void chat.send(text),
  attach: (text, name, type, content) => kind(chat.send({ text, files: [new File([content], name, { type })] })),
  regenerate: () => kind(chat.regenerate()),
  edit: (id, text) => kind(chat.edit(id, text)),
  output: (toolCallId, output) => chat.addToolOutput({ toolCallId, output }),
  approve: (approvalId) => chat.respondToApproval({ approvalId, approved: true }),
};
void chat.resume();
await streams.ready;
globalThis.tab.isReady = true;
