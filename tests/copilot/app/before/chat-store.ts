// The streams of all sessions with their listeners, and the tasks that are saved for a reload.

import { createStore } from "../shared/create-store";
import type { ActiveStream, ActiveTaskInfo, StreamListener, StreamResult, StreamStatus } from "./chat-types";
import { executeStream, executeTaskReconnect } from "./stream-executor";

const STORAGE_KEY = "chat_active_tasks";
const TASK_TTL_MS = 3_600_000;
const FROM_START = "0-0";

type CompleteCallback = (sessionId: string) => void;

interface ChatStore {
  activeStreams: Map<string, ActiveStream>;
  completedStreams: Map<string, StreamResult>;
  activeSessions: Set<string>;
  activeTasks: Map<string, ActiveTaskInfo>;
  completeCallbacks: Set<CompleteCallback>;

  startStream: (
    sessionId: string,
    message: string,
    isUserMessage: boolean,
    context?: { url: string; content: string },
    onChunk?: StreamListener,
  ) => Promise<void>;
  reconnectToTask: (sessionId: string, taskId: string, lastMessageId?: string, onChunk?: StreamListener) => Promise<void>;
  stopStream: (sessionId: string) => void;
  subscribeToStream: (sessionId: string, onChunk: StreamListener, skipReplay?: boolean) => () => void;
  getStreamStatus: (sessionId: string) => StreamStatus;
  getCompletedStream: (sessionId: string) => StreamResult | undefined;
  onStreamComplete: (callback: CompleteCallback) => () => void;
  registerActiveSession: (sessionId: string) => void;
  unregisterActiveSession: (sessionId: string) => void;
  isSessionActive: (sessionId: string) => boolean;
  setActiveTask: (sessionId: string, task: Omit<ActiveTaskInfo, "sessionId" | "startedAt">) => void;
  getActiveTask: (sessionId: string) => ActiveTaskInfo | undefined;
  clearActiveTask: (sessionId: string) => void;
}

export const useChatStore = createStore<ChatStore>((set, get) => {
  /** Moves a stream to the completed ones and notifies its listeners. */
  function complete(stream: ActiveStream): void {
    const { activeStreams, completedStreams, completeCallbacks } = get();
    if (activeStreams.get(stream.sessionId) !== stream) return;
    const active = new Map(activeStreams);
    active.delete(stream.sessionId);
    const result = { status: stream.status, chunks: stream.chunks, error: stream.error };
    set({ activeStreams: active, completedStreams: new Map(completedStreams).set(stream.sessionId, result) });
    for (const callback of completeCallbacks) callback(stream.sessionId);
  }

  async function run(sessionId: string, onChunk: StreamListener | undefined, execute: (stream: ActiveStream) => Promise<void>) {
    get().stopStream(sessionId);
    const stream: ActiveStream = {
      sessionId,
      abortController: new AbortController(),
      status: "streaming",
      chunks: [],
      listeners: new Set(onChunk ? [onChunk] : []),
    };
    set({ activeStreams: new Map(get().activeStreams).set(sessionId, stream) });
    try {
      await execute(stream);
    } finally {
      if (onChunk) stream.listeners.delete(onChunk);
      complete(stream);
    }
  }

  function keepTasks(activeTasks: Map<string, ActiveTaskInfo>): void {
    set({ activeTasks });
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(Object.fromEntries(activeTasks)));
    } catch {
      // Without storage a reload loses the task.
    }
  }

  function keepSessions(change: (sessions: Set<string>) => void): void {
    const activeSessions = new Set(get().activeSessions);
    change(activeSessions);
    set({ activeSessions });
  }

  return {
    activeStreams: new Map(),
    completedStreams: new Map(),
    activeSessions: new Set(),
    activeTasks: storedTasks(),
    completeCallbacks: new Set(),

    startStream: (sessionId, message, isUserMessage, context, onChunk) =>
      run(sessionId, onChunk, (stream) => executeStream(stream, message, isUserMessage, context)),

    async reconnectToTask(sessionId, taskId, lastMessageId = FROM_START, onChunk) {
      await run(sessionId, onChunk, (stream) => executeTaskReconnect(stream, taskId, lastMessageId));
      get().clearActiveTask(sessionId);
    },

    stopStream(sessionId) {
      const stream = get().activeStreams.get(sessionId);
      if (!stream) return;
      stream.abortController.abort();
      stream.status = "completed";
      complete(stream);
    },

    subscribeToStream(sessionId, onChunk, skipReplay = false) {
      const stream = get().activeStreams.get(sessionId);
      if (!stream) return () => {};
      if (!skipReplay) stream.chunks.forEach(onChunk);
      stream.listeners.add(onChunk);
      return () => void stream.listeners.delete(onChunk);
    },

    getStreamStatus: (sessionId) => get().activeStreams.get(sessionId)?.status ?? get().completedStreams.get(sessionId)?.status ?? "idle",

    getCompletedStream: (sessionId) => get().completedStreams.get(sessionId),

    onStreamComplete(callback) {
      set({ completeCallbacks: new Set(get().completeCallbacks).add(callback) });
      return () => {
        const completeCallbacks = new Set(get().completeCallbacks);
        completeCallbacks.delete(callback);
        set({ completeCallbacks });
      };
    },

    registerActiveSession: (sessionId) => keepSessions((sessions) => sessions.add(sessionId)),
    unregisterActiveSession: (sessionId) => keepSessions((sessions) => sessions.delete(sessionId)),
    isSessionActive: (sessionId) => get().activeSessions.has(sessionId),

    setActiveTask(sessionId, task) {
      keepTasks(new Map(get().activeTasks).set(sessionId, { ...task, sessionId, startedAt: Date.now() }));
    },

    getActiveTask: (sessionId) => get().activeTasks.get(sessionId),

    clearActiveTask(sessionId) {
      const tasks = new Map(get().activeTasks);
      if (tasks.delete(sessionId)) keepTasks(tasks);
    },
  };
});

function storedTasks(): Map<string, ActiveTaskInfo> {
  try {
    const stored = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "{}") as Record<string, ActiveTaskInfo>;
    const fresh = Object.entries(stored).filter(([, { startedAt }]) => Date.now() - startedAt < TASK_TTL_MS);
    return new Map(fresh);
  } catch {
    return new Map();
  }
}
