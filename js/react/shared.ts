/**
 * The conversations of a client, by session. Components that show the same session share one, so that each thing is sent and
 * reported once. A conversation is created when something subscribes to it or calls it, never during rendering.
 */

import { createConversation } from "../conversation/index.js";
import { nextTask } from "../streams/task.js";
import type { ChatStreams, Conversation, ConversationOptions, UIMessage } from "../types/index.js";

interface Shared {
  readonly conversation: Conversation<any>;
  users: number;
}

const CLIENTS = new WeakMap<ChatStreams, Map<string, Shared>>();

/** Returns the conversation of a session if there is one. */
export function known<MESSAGE extends UIMessage>(streams: ChatStreams, sessionId: string): Conversation<MESSAGE> | undefined {
  return CLIENTS.get(streams)?.get(sessionId)?.conversation;
}

/** Returns the conversation of a session, and creates it if there is none. */
export function acquire<MESSAGE extends UIMessage>(
  streams: ChatStreams,
  sessionId: string,
  options: ConversationOptions<MESSAGE>,
): Conversation<MESSAGE> {
  return shared(streams, sessionId, options).conversation;
}

/** Keeps the conversation of a session while something uses it. Returns a function that ends this. */
export function hold<MESSAGE extends UIMessage>(streams: ChatStreams, sessionId: string, options: ConversationOptions<MESSAGE>): () => void {
  const entry = shared(streams, sessionId, options);
  entry.users++;
  return () => {
    entry.users--;
    // StrictMode and fast refresh subscribe again before the next task.
    void nextTask().then(() => release(streams, sessionId, entry));
  };
}

function shared<MESSAGE extends UIMessage>(streams: ChatStreams, sessionId: string, options: ConversationOptions<MESSAGE>): Shared {
  const sessions = CLIENTS.get(streams) ?? new Map<string, Shared>();
  CLIENTS.set(streams, sessions);
  const entry = sessions.get(sessionId) ?? { conversation: createConversation(streams, sessionId, options), users: 0 };
  sessions.set(sessionId, entry);
  return entry;
}

/** Disposes of a conversation that nothing uses, unless it holds messages that were not sent, or a turn that runs. */
function release(streams: ChatStreams, sessionId: string, entry: Shared): void {
  const { conversation, users } = entry;
  const { delivery, isRunning } = conversation.getSnapshot();
  if (users > 0 || isRunning || Object.keys(delivery).length > 0) return;
  conversation.dispose();
  const sessions = CLIENTS.get(streams);
  if (sessions?.get(sessionId) === entry) sessions.delete(sessionId);
}
