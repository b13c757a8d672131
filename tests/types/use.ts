// Code as an app would write it: it has to compile under strict settings, and the wrong uses must not.

import {
  RejoinError,
  createParser,
  createStreamEventDispatcher,
  isLegacyStreamChunk,
  mergeMessages,
  normalizeStreamChunk,
  type ActiveTask,
  type ChatStreams,
  type ChatStreamsOptions,
  type RejoinErrorCode,
  type StorageLike,
  type StreamChunk,
  type StreamListener,
  type StreamMetrics,
  type StreamOutcome,
  type StreamSnapshot,
  type StreamStatus,
  type UIMessage,
} from "../../dist/index.js";

/** Comparing the type narrows, although chunks of unknown types are delivered too. */
export function show(chunk: StreamChunk): string {
  if (chunk.unknown) {
    const type: string = chunk.type;
    return `${type} ${String(chunk["anything"])}`;
  }
  switch (chunk.type) {
    case "stream_start":
      return `${chunk.taskId} ${chunk.messageId ?? ""}`;
    case "text_chunk":
      return chunk.content + (chunk.blockId ?? "") + (chunk.eventId ?? "") + String(chunk.replayed === true);
    case "tool_call_start":
      return `${chunk.tool_id} ${chunk.tool_name} ${chunk.arguments.query}`;
    case "tool_response":
      return chunk.success ? chunk.result.text : "failed";
    case "reasoning-delta":
      return chunk.delta;
    case "usage":
      return chunk.totalTokens.toFixed();
    case "error":
      return chunk.message ?? chunk.content ?? chunk.code ?? "";
    case "data-weather":
      return chunk.data.city;
    case "tool-output-error":
      return chunk.errorText;
    case "stream_end":
      return chunk.finishReason ?? "";
    default:
      return chunk.type;
  }
}

export function render(message: UIMessage): string[] {
  return message.parts.map((part) => {
    if (part.type === "text" || part.type === "reasoning") return part.text;
    if (part.type === "dynamic-tool") return part.toolName;
    if ("toolCallId" in part && part.state === "output-available") return part.output.text;
    if ("toolCallId" in part && part.state === "output-error") return part.errorText;
    if (part.type === "file") return part.url;
    return part.type;
  });
}

export const listeners: StreamListener[] = [
  (chunk) => void show(chunk),
  {},
  { onBatch: (chunks) => void chunks.map(show), onReset() {}, onStatus: (status) => void status.length },
];

// @ts-expect-error chunks are no strings
export const wrong: StreamListener = (chunk: string) => void chunk;

export const dispatch = createStreamEventDispatcher({
  onTextChunk: (chunk) => void chunk.content.length,
  onToolCallUpdate: (chunk) => void chunk.arguments,
  onOther: (chunk) => void show(chunk),
});

const frame: unknown = JSON.parse("{}");
const normal = normalizeStreamChunk(frame);
if (normal) dispatch(normal);
if (isLegacyStreamChunk(frame)) dispatch([frame]);

interface OwnMessage {
  id: string;
  role: "user" | "assistant";
  content: string;
  seen: boolean;
}

export const own: OwnMessage[] = mergeMessages<OwnMessage>([], [], { activeStream: null });
export const ui: UIMessage[] = mergeMessages<UIMessage>([], []);
export const mixed: Array<OwnMessage | UIMessage> = mergeMessages([] as OwnMessage[], [] as UIMessage[]);

const parser = createParser({ onEvent: ({ event, data, id }) => void [event, data, id], onError: (error) => void error.type, maxBufferSize: 5 });
parser.feed("x");
parser.feed(new Uint8Array());
parser.reset({ consume: true });

export const storage: StorageLike = { getItem: () => null, setItem() {}, removeItem() {} };
export const options: ChatStreamsOptions = {
  headers: async (why) => ({ "x-why": why }),
  storage,
  retry: { repost: "never" },
  delivery: "immediate",
  onMalformed: ({ data, reason }) => void (data + reason),
};
export const webStorage: ChatStreamsOptions = { storage: globalThis.localStorage, headers: new Headers(), fetch: globalThis.fetch };

export async function use(streams: ChatStreams): Promise<StreamMetrics> {
  for await (const chunk of streams.chunks("s", { replay: true })) void show(chunk);
  const { messages, activeStream } = await streams.loadSession("s");
  streams.onTurn((sessionId, { text, trigger, from }) => void [sessionId, text, trigger === "continue", from === "tab"]);
  const outcome: StreamOutcome = await streams.startStream("s", { message: "hi", context: { url: "u", content: "c" } }, (chunk) => void chunk);
  if (outcome.kind === "failed" && outcome.error instanceof RejoinError) throw new Error(outcome.error.code + String(outcome.error.retryable));
  const resumed: StreamOutcome | null = await streams.resumeSession("s");
  const snapshot: StreamSnapshot = streams.getSnapshot("s");
  const status: StreamStatus = snapshot.status;
  const task: ActiveTask | null = streams.getActiveTask("s");
  const stop: () => void = streams.subscribeToStream("s", { onChunk: (chunk) => void chunk.type }, { replay: true });
  stop();
  void [resumed, status, task, messages, activeStream];
  streams[Symbol.dispose]();
  return streams.getMetrics();
}

/** The kind of an outcome decides its fields: a failure has an error. */
export function described(outcome: StreamOutcome): string {
  switch (outcome.kind) {
    case "failed":
      return outcome.error.code === "TASK_RUNNING" && outcome.joined ? "not sent" : outcome.error.message;
    case "expired":
      return outcome.error?.code ?? "";
    default:
      return outcome.finishReason ?? outcome.taskId ?? "";
  }
}

export const codes: RejoinErrorCode[] = ["CSP_BLOCKED", "of the backend"];
export const signalled: StreamListener = { onChunk() {}, signal: new AbortController().signal };
export const prepared: ChatStreamsOptions = {
  prepareRequest: async ({ kind, url, init, body }) => (kind === "send" ? { url: `${url}?v=2`, init: { ...init, body: JSON.stringify(body) } } : undefined),
};

// @ts-expect-error a message is needed
export const bad = (streams: ChatStreams) => streams.startStream("s", { context: { url: "u", content: "c" } });
