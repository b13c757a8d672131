// Makes answers for tests: those that a backend of the AI SDK writes, and those that break its rules.

import { random as numbers } from "../../e2e/lib/random.mjs";

/** Returns functions that choose by a seed. */
export function choices(seed) {
  const { below, pick } = numbers(seed);
  return { below, pick, chance: (share) => below(1_000) < share * 1_000 };
}

const WORDS = ["Hello", " wor", "ld", "\n", "ü", "😀", " and so on", ", ", "{\"a\":", "1"];
const METADATA = { openai: { itemId: "item-1" } };

/** Returns an answer that follows the rules of its major, with `start` and `finish`. */
export function orderlyAnswer(random, major) {
  const writer = new Orderly(random, major);
  const steps = random.below(4);
  for (let step = 0; step < steps; step++) writer.step();
  if (steps === 0) writer.parts();
  const finish = { type: "finish", ...maybe(random, "finishReason", "stop"), ...maybe(random, "messageMetadata", { tokens: 7 }) };
  return [{ type: "start", messageId: "m-1", taskId: "task-1" }, ...writer.chunks, finish];
}

class Orderly {
  chunks = [];
  #random;
  #major;
  #count = 0;

  constructor(random, major) {
    this.#random = random;
    this.#major = major;
  }

  step() {
    this.#write({ type: "start-step" });
    this.parts();
    this.#write({ type: "finish-step" });
  }

  parts() {
    for (let part = this.#random.below(5); part > 0; part--) this.#part();
  }

  #part() {
    const makers = [() => this.#text("text"), () => this.#text("reasoning"), () => this.#tool(), () => this.#whole()];
    this.#random.pick(makers)();
  }

  #text(kind) {
    const id = this.#name("b");
    this.#write({ type: `${kind}-start`, id, ...maybe(this.#random, "providerMetadata", { openai: { itemId: "item-0" } }) });
    for (let deltas = this.#random.below(5); deltas > 0; deltas--) {
      this.#write({ type: `${kind}-delta`, id, delta: this.#random.pick(WORDS), ...maybe(this.#random, "providerMetadata", METADATA, 0.1) });
      if (this.#random.chance(0.1)) this.#whole();
    }
    this.#write({ type: `${kind}-end`, id, ...maybe(this.#random, "providerMetadata", METADATA) });
  }

  #tool() {
    const toolCallId = this.#name("call");
    const toolName = this.#random.pick(["search", "read"]);
    const dynamic = this.#random.chance(0.3) ? { dynamic: true } : {};
    const input = { query: "räksmörgås", nested: [1, { two: null }] };
    if (this.#random.chance(0.6)) this.#stream({ toolCallId, toolName, ...dynamic }, JSON.stringify(input));
    if (this.#random.chance(0.1)) return this.#write({ type: "tool-input-error", toolCallId, toolName, input, errorText: "no", ...dynamic });
    this.#write({ type: "tool-input-available", toolCallId, toolName, input, ...dynamic, ...maybe(this.#random, "providerExecuted", true) });
    if (this.#major > 5 && this.#random.chance(0.3)) return this.#ask(toolCallId, dynamic);
    this.#result(toolCallId, dynamic);
  }

  /** Majors before 7 get the user's decision in another stream. */
  #ask(toolCallId, dynamic) {
    const approvalId = this.#name("approval");
    this.#write({ type: "tool-approval-request", toolCallId, approvalId });
    if (this.#major < 7) return;
    const approved = this.#random.chance(0.5);
    this.#write({ type: "tool-approval-response", approvalId, approved, ...maybe(this.#random, "reason", "because") });
    if (approved) this.#result(toolCallId, dynamic);
    else this.#write({ type: "tool-output-denied", toolCallId });
  }

  #stream(call, json) {
    this.#write({ type: "tool-input-start", ...call });
    for (let at = 0; at < json.length; at += 9) this.#write({ type: "tool-input-delta", toolCallId: call.toolCallId, inputTextDelta: json.slice(at, at + 9) });
  }

  #result(toolCallId, dynamic) {
    if (this.#random.chance(0.2)) this.#write({ type: "tool-output-available", toolCallId, output: "so far", preliminary: true, ...dynamic });
    if (this.#random.chance(0.2)) return this.#write({ type: "tool-output-error", toolCallId, errorText: "broken", ...dynamic });
    if (this.#random.chance(0.8)) this.#write({ type: "tool-output-available", toolCallId, output: { found: [1, 2] }, ...dynamic });
  }

  #whole() {
    const makers = [
      { type: "source-url", sourceId: this.#name("s"), url: "https://example.org/", ...maybe(this.#random, "title", "Example") },
      { type: "source-document", sourceId: this.#name("s"), mediaType: "text/plain", title: "Notes" },
      { type: "file", url: "data:text/plain,hi", mediaType: "text/plain" },
      { type: "data-weather", data: { city: "Berlin", at: this.#count }, ...maybe(this.#random, "id", "w") },
      { type: "data-notice", data: "hm", transient: true },
      { type: "message-metadata", messageMetadata: { model: "m", [this.#name("k")]: 1 } },
    ];
    if (this.#major > 6) {
      makers.push({ type: "custom", kind: "acme.card", providerMetadata: METADATA }, { type: "reasoning-file", url: "data:,", mediaType: "text/plain" });
    }
    this.#write(this.#random.pick(makers));
  }

  #name(kind) {
    return `${kind}-${++this.#count}`;
  }

  #write(chunk) {
    this.chunks.push(chunk);
  }
}

/** Returns an answer that breaks every rule except that it ends: chunks are missing, repeated, reordered, or of other types. */
export function wildAnswer(random) {
  const [start, ...rest] = orderlyAnswer(random, 7).slice(0, -1);
  const chunks = rest.flatMap((chunk) => disturbed(random, chunk));
  if (random.chance(0.5)) shuffle(random, chunks);
  const opening = random.chance(0.8) ? [start] : [{ type: "start", taskId: "task-1" }];
  return [...opening, ...chunks, random.pick([{ type: "finish", finishReason: "no such reason" }, { type: "stream_end" }, { type: "abort", reason: "enough" }])];
}

/** Swaps some chunks with their neighbours. */
function shuffle(random, chunks) {
  for (let at = 1; at < chunks.length; at++) {
    if (random.chance(0.2)) [chunks[at - 1], chunks[at]] = [chunks[at], chunks[at - 1]];
  }
}

function disturbed(random, chunk) {
  if (random.chance(0.12)) return [];
  if (random.chance(0.1)) return [chunk, chunk];
  if (random.chance(0.1)) return [{ ...chunk, surplus: { a: [1] }, timestamp: "now" }];
  if (random.chance(0.1)) return [spoiled(random, chunk)];
  if (random.chance(0.25)) return [random.pick(STRANGERS), chunk];
  return [chunk];
}

/**
 * Changes the type of one field. It leaves metadata alone: the AI SDK merges lists in it into objects, so that a repeat would
 * show.
 */
function spoiled(random, chunk) {
  const names = Object.keys(chunk).filter((name) => name !== "type" && name !== "messageMetadata");
  return names.length === 0 ? chunk : { ...chunk, [random.pick(names)]: random.pick([null, 7, [], {}, "text", true]) };
}

/** Chunks of the legacy dialect, and of no dialect. */
const STRANGERS = [
  { type: "text_chunk", content: "legacy " },
  { type: "text_chunk", content: "text" },
  { type: "text_ended" },
  { type: "tool_call_start", tool_id: "l-1", tool_name: "run", arguments: { a: 1 } },
  { type: "tool_response", tool_id: "l-1", result: { type: "operation_started", operation_id: "o" }, success: true },
  { type: "tool_response", tool_id: "l-1", tool_name: "run", result: "ok", success: true },
  { type: "tool_response", tool_id: "l-2", result: { error: "bad" }, success: false },
  { type: "tool_call", name: "x" },
  { type: "login_needed", message: "Sign in", session_id: "s" },
  { type: "credentials_needed", provider: "github" },
  { type: "usage", promptTokens: 1, completionTokens: 2, totalTokens: 3 },
  { type: "no-such-type", id: "b-1", delta: "x" },
  { type: "constructor" },
  { type: "__proto__", a: 1 },
  { type: "data-", data: null },
  { type: "data-nothing" },
  { type: "text-delta", id: "lost", delta: "no start" },
  { type: "text-end", id: "b-1" },
  { type: "text-end", id: "lost" },
  { type: "reasoning-delta", id: "lost", delta: "no start" },
  { type: "reasoning-end", id: "b-2" },
  { type: "tool-input-delta", toolCallId: "lost", inputTextDelta: "{" },
  { type: "tool-output-available", toolCallId: "lost", output: 1 },
  { type: "tool-output-error", toolCallId: "lost-too", errorText: "x", dynamic: true },
  { type: "tool-output-denied", toolCallId: "lost-3" },
  { type: "tool-approval-request", toolCallId: "lost-4", approvalId: "a" },
  { type: "tool-approval-response", approvalId: "a", approved: true },
  { type: "tool-approval-response", approvalId: "b", approved: false },
  { type: "steering-message", id: "u", parts: [{ type: "text", text: "faster" }] },
  { type: "start-step" },
  { type: "finish-step" },
  { type: "reset-step" },
  { type: "start", messageId: "m-1", taskId: "task-1" },
];

function maybe(random, name, value, share = 0.3) {
  return random.chance(share) ? { [name]: value } : {};
}
