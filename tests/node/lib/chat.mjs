// Makes conversations for tests, each on a backend of its own.

import { createChatStreams, createConversation } from "../../../dist/index.js";
import { ChatBackend } from "./chat-backend.mjs";

const open = [];

/** Makes a conversation, its client and its backend. The ids of messages count up from `q-1`. */
export function chat(options = {}, { backend = new ChatBackend(), ...clientOptions } = {}) {
  const streams = createChatStreams({
    fetch: backend.fetch, storage: "memory", delivery: "immediate", retry: { initialDelayMs: 2, maxDelayMs: 5 }, seed: 1, crossTab: false, ...clientOptions,
  });
  let last = 0;
  const conversation = createConversation(streams, "s", { generateId: () => `q-${++last}`, ...options });
  open.push(() => (conversation.dispose(), streams.close()));
  return { conversation, streams, backend };
}

/** Closes what the tests have opened. */
export function closeAll() {
  for (const close of open.splice(0)) close();
}

/** Returns the messages of a snapshot as `role: text`. */
export function texts({ messages }) {
  return messages.map(({ role, parts }) => `${role}: ${parts.map((part) => part.text ?? "").join("")}`);
}

/** Resolves when the snapshot of a conversation satisfies `isSo`. */
export function shows(conversation, isSo, what = "the conversation did not show it") {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => (end(), reject(new Error(`${what}: ${JSON.stringify(conversation.getSnapshot())}`))), 10_000);
    const look = () => {
      if (!isSo(conversation.getSnapshot())) return;
      clearTimeout(late);
      queueMicrotask(() => end());
      resolve(conversation.getSnapshot());
    };
    const end = conversation.subscribe(look);
    look();
  });
}
