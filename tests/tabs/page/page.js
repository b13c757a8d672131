// A chat page without styles: a client of the package, and `globalThis.tab` for the tests.
//
// What the page should lack (`?without=locks,channel,storage`) is removed before the package is loaded.

import { createWatch, problems } from "./watch.js";

const query = new URLSearchParams(location.search);
const session = query.get("session");
const lacks = query.get("without")?.split(",") ?? [];

if (lacks.includes("locks")) delete Navigator.prototype.locks;
if (lacks.includes("refused-locks")) LockManager.prototype.request = () => Promise.reject(new DOMException("denied", "SecurityError"));
if (lacks.includes("channel")) delete globalThis.BroadcastChannel;
if (lacks.includes("storage")) {
  Object.defineProperty(globalThis, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } });
}
if (lacks.includes("quota")) Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };

let losesCancels = false;
const losing = (request, init) =>
  losesCancels && String(request.url ?? request).endsWith("/cancel") ? Promise.reject(new TypeError("lost")) : fetch(request, init);

const { createChatStreams } = await import("./dist/index.js");
// Firefox breaks the streams of a page that is left some milliseconds before `pagehide`. A rejoin waits a quarter of the first
// delay, which is long enough that it is not sent and counted any more.
const retry = { initialDelayMs: 400 };
const streams = createChatStreams({ userKey: query.get("user") ?? undefined, retry, fetch: losing });

/** What listeners have received of the current answer, chunk by chunk. */
let received = "";
const outcomes = [];
let returned = 0;

const { look, until } = createWatch(state, {
  status: (now, ...names) => names.includes(now.status),
  role: (now, role) => now.role === role && now.status === "streaming",
  grown: (now, length) => now.received.length >= length,
  outcomes: (now, number) => now.outcomes.length >= number,
  saved: (now, ...ids) => ids.every((id) => now.tasks.includes(id)),
  forgotten: (now, ...ids) => ids.every((id) => !now.tasks.includes(id)),
});

streams.subscribeToStream(session, {
  onChunk(chunk) {
    if (chunk.type === "stream_start") received = "";
    if (chunk.type === "text_chunk") received += chunk.content;
  },
  onReset() {
    received = "";
  },
});
streams.onSnapshot(session, look);
streams.onActiveTasks(look);
streams.onStreamComplete((id, outcome) => {
  if (id !== session) return;
  outcomes.push(outcome.kind);
  look();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) returned += 1;
});

/** Returns what the page shows of its session. */
function state() {
  const { status, role, taskId, message, error } = streams.getSnapshot(session);
  const text = (message?.parts ?? []).filter(({ type }) => type === "text").map((part) => part.text).join("");
  const tasks = streams.listActiveTasks().map((task) => task.sessionId);
  return { status, role, taskId, text, received, outcomes: [...outcomes], error: error?.code, tasks, problems, returned };
}

globalThis.tab = {
  streams,
  state,
  until,
  /** Sends a message and waits for the outcome. Returns its kind and the code of its error. */
  ask: (text) => streams.startStream(session, text).then(({ kind, error }) => [kind, error?.code]),
  send: (text) => void streams.startStream(session, text),
  stop: () => void streams.stopStream(session),
  clear: (id = session) => streams.clearActiveTask(id),
  detach: () => streams.detachStream(session),
  dropped: () => streams.getMetrics().droppedRecords,
  /** Prevents cancels from reaching the server. */
  loseCancels() {
    losesCancels = true;
  },
  /** Posts a value on the channel that the tabs of this page share. */
  say(value) {
    const channel = new BroadcastChannel(`chat_active_tasks:v1:${query.get("user") ?? ""}:`);
    channel.postMessage(value);
    channel.close();
  },
  /** The page does nothing else for so long, in ms. */
  hang(ms) {
    setTimeout(() => {
      const until = performance.now() + ms;
      while (performance.now() < until);
    });
  },
};
if (query.get("resume") !== "no") streams.resumeSession(session);
await streams.ready;
globalThis.tab.isReady = true;
look();
