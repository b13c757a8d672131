/**
 * Chunks of the streaming client → chunks that a parser of the AI SDK takes, whatever comes: it throws at a delta without
 * its start, at a result without its call, at an answer without its question. Each gets here what it lacks.
 *
 * What the AI SDK has no type for becomes data: `data-<type>`, with the chunk's members as `data`.
 */

import { fit, isKnownType } from "./shapes.js";
import { errorText, isInterim } from "../message/tool-result.js";
import type { Fields, Major } from "./shapes.js";
import type { StreamChunk } from "../types/index.js";

/** A tool call as the parser knows it. */
interface Call {
  readonly isDynamic: boolean;
  state: "streaming" | "available" | "settled";
  /** Counts steps. */
  step: number;
}

/** What the parser knows before the first chunk: tool calls of the message that the answer goes on with. */
export interface KnownCall {
  id: string;
  isDynamic: boolean;
  approvalId?: string | undefined;
}

/** What kinds of blocks are called on the wire. */
type BlockKind = "text" | "reasoning";

/** Members that the streaming client added. */
const OWN_MEMBERS = ["type", "eventId", "replayed", "unknown"];

/** Of the legacy dialect: to be shown in the message. The others of it that the AI SDK does not know are notices. */
const LASTING = ["login_needed", "need_login", "credentials_needed"];

/** Turns the chunks of one answer; `take` gives what a chunk becomes, in order. */
export class ChunkWriter {
  readonly #major: Major;
  readonly #known: readonly KnownCall[];
  readonly #open = { text: new Set<string>(), reasoning: new Set<string>() };
  readonly #calls = new Map<string, Call>();
  readonly #approvals = new Set<string>();
  #out: Fields[] = [];
  #isStarted = false;
  /** The text block of the legacy dialect, which has one at a time and no name for it. */
  #unnamed: string | undefined;
  #unnamedBlocks = 0;
  #step = 0;

  /** `target`: the parser's major. Not given: chunks that those of 5, 6 and 7 survive, in the words of 7. */
  constructor(target: Major | undefined, known: readonly KnownCall[] = []) {
    this.#major = target ?? 7;
    this.#known = known;
    this.#forget();
  }

  /** What the next chunk becomes. */
  take(chunk: StreamChunk): Fields[] {
    this.#out = [];
    const fields = chunk as unknown as Fields;
    if (chunk.type !== "stream_start" && chunk.type !== "start") this.#start({});
    if (chunk.unknown) this.#notify(fields);
    else this.#takeText(fields);
    return this.#out;
  }

  /** The answer is over: what closes its blocks. */
  end(): Fields[] {
    this.#out = [];
    this.#closeBlocks();
    return this.#out;
  }

  /** The answer starts over; the parser is told that by someone else. */
  reset(): void {
    this.#isStarted = false;
    this.#open.text.clear();
    this.#open.reasoning.clear();
    this.#unnamed = undefined;
    this.#unnamedBlocks = 0;
    this.#step = 0;
    this.#forget();
  }

  #forget(): void {
    this.#calls.clear();
    this.#approvals.clear();
    for (const { id, isDynamic, approvalId } of this.#known) {
      this.#calls.set(id, { isDynamic, state: "available", step: -1 });
      if (approvalId !== undefined) this.#approvals.add(approvalId);
    }
  }

  // ---- the message ----

  /** Once, and first: a later one under another id would make some parsers forget all that they were given. */
  #start({ messageId, messageMetadata }: Fields): void {
    if (!this.#isStarted) this.#give({ type: "start", messageId, messageMetadata });
    else if (messageMetadata !== undefined) this.#give({ type: "message-metadata", messageMetadata });
    this.#isStarted = true;
  }

  #takeText(chunk: Fields): void {
    const { type, id, blockId, content, delta } = chunk;
    switch (type) {
      case "text_chunk":
        return this.#append("text", blockId ?? this.#unnamedBlock(content), content, chunk);
      case "text_ended":
        return this.#close("text", blockId ?? this.#unnamed, chunk);
      case "reasoning-start":
        return this.#openBlock("reasoning", id, chunk);
      case "reasoning-delta":
        return this.#append("reasoning", id, delta, chunk);
      case "reasoning-end":
        return this.#close("reasoning", id, chunk);
      default:
        return this.#takeBoundary(chunk);
    }
  }

  #takeBoundary(chunk: Fields): void {
    switch (chunk["type"]) {
      case "stream_start":
      case "start":
        return this.#start(chunk);
      case "start-step":
        this.#step++;
        return this.#addPart(chunk);
      case "finish-step":
        // Parsers before 7.0.79 forget the open blocks when a step finishes, and throw at what comes of them.
        this.#closeBlocks();
        return this.#give(chunk);
      case "reset-step":
        return this.#resetStep(chunk);
      case "stream_end":
        this.#closeBlocks();
        return this.#give({ ...chunk, type: "finish" });
      case "abort":
        this.#closeBlocks();
        return this.#give(chunk);
      case "error":
        // What it says is the stream's outcome, which fails the reader with its code.
        return this.#closeBlocks();
      default:
        return this.#takeTool(chunk);
    }
  }

  // ---- text ----

  #append(kind: BlockKind, id: unknown, text: unknown, chunk: Fields): void {
    if (typeof id !== "string" || typeof text !== "string") return;
    if (!this.#open[kind].has(id)) this.#openBlock(kind, id, {});
    this.#give({ ...chunk, type: `${kind}-delta`, id, delta: text });
  }

  #openBlock(kind: BlockKind, id: unknown, chunk: Fields): void {
    if (typeof id !== "string" || this.#open[kind].has(id)) return;
    if (id !== this.#unnamed) this.#closeUnnamed();
    this.#open[kind].add(id);
    this.#give({ ...chunk, type: `${kind}-start`, id });
  }

  /** A block that was never opened had no text: its start is not told by the streaming client. */
  #close(kind: BlockKind, id: unknown, chunk: Fields): void {
    if (typeof id !== "string") return;
    this.#openBlock(kind, id, {});
    this.#open[kind].delete(id);
    if (id === this.#unnamed) this.#unnamed = undefined;
    this.#give({ ...chunk, type: `${kind}-end`, id });
  }

  #closeBlocks(): void {
    for (const kind of ["text", "reasoning"] as const) {
      for (const id of [...this.#open[kind]]) this.#close(kind, id, {});
    }
  }

  #unnamedBlock(content: unknown): string | undefined {
    if (typeof content !== "string") return undefined;
    this.#unnamed ??= `legacy-${++this.#unnamedBlocks}`;
    return this.#unnamed;
  }

  /** The unnamed block ends where another part begins, so that text after a tool call stands after it. */
  #closeUnnamed(): void {
    if (this.#unnamed !== undefined && this.#open.text.has(this.#unnamed)) this.#close("text", this.#unnamed, {});
  }

  // ---- tools ----

  #takeTool(chunk: Fields): void {
    switch (chunk["type"]) {
      case "tool_call":
      case "tool_call_start":
        return this.#startCall(chunk);
      case "tool-input-delta":
        return this.#appendInput(chunk);
      case "tool_response":
        return this.#respond(chunk);
      case "tool-input-error":
      case "tool-output-error":
        return this.#settle(chunk["toolCallId"], chunk, { input: null, ...chunk, errorText: String(chunk["errorText"] ?? "") });
      case "tool-output-denied":
        return this.#deny(chunk);
      case "tool-approval-request":
        return this.#ask(chunk);
      case "tool-approval-response":
        return this.#approvals.has(String(chunk["approvalId"])) ? this.#give(chunk) : this.#notify(chunk);
      default:
        return this.#takePart(chunk);
    }
  }

  #startCall(chunk: Fields): void {
    const { tool_id: toolCallId, tool_name: toolName, arguments: input, inputState } = chunk;
    if (typeof toolCallId !== "string" || typeof toolName !== "string") return this.#notify(chunk);
    const known = this.#calls.get(toolCallId);
    const state = inputState === "streaming" ? "streaming" : "available";
    if (known?.step === this.#step && isBefore(state, known.state)) return;
    if (known?.step !== this.#step) this.#closeUnnamed();
    const isDynamic = known?.isDynamic ?? chunk["dynamic"] === true;
    this.#calls.set(toolCallId, { isDynamic, state, step: this.#step });
    const type = state === "streaming" ? "tool-input-start" : "tool-input-available";
    this.#give({ ...chunk, type, toolCallId, toolName, input: input ?? {}, dynamic: isDynamic || undefined });
  }

  #appendInput(chunk: Fields): void {
    const call = this.#calls.get(String(chunk["toolCallId"]));
    if (call?.state === "streaming" && call.step === this.#step) this.#give(chunk);
  }

  #respond(chunk: Fields): void {
    const { tool_id: toolCallId, result } = chunk;
    if (chunk["success"] === false) {
      return this.#settle(toolCallId, chunk, { ...chunk, type: "tool-output-error", toolCallId, errorText: errorText(result) });
    }
    const preliminary = isInterim(chunk) || undefined;
    this.#settle(toolCallId, chunk, { ...chunk, type: "tool-output-available", toolCallId, output: result ?? null, preliminary });
  }

  #deny(chunk: Fields): void {
    if (this.#major >= 6) return this.#settle(chunk["toolCallId"], chunk, chunk);
    this.#settle(chunk["toolCallId"], chunk, { ...chunk, type: "tool-output-error", errorText: "The tool was not allowed to run." });
  }

  #ask(chunk: Fields): void {
    const { approvalId, toolCallId } = chunk;
    if (typeof approvalId !== "string" || typeof toolCallId !== "string") return this.#notify(chunk);
    this.#introduce(toolCallId, chunk);
    this.#approvals.add(approvalId);
    this.#give(chunk);
  }

  /** What a tool gave; after the final result no other is taken. */
  #settle(id: unknown, source: Fields, chunk: Fields): void {
    if (typeof id !== "string") return this.#notify(source);
    const call = this.#introduce(id, source);
    if (call.state === "settled") return;
    if (chunk["preliminary"] !== true) call.state = "settled";
    this.#give({ ...chunk, toolName: nameOf(source), dynamic: call.isDynamic || undefined });
  }

  /** A call that nothing was told of: as one whose input is not known, which runs no tool of the app. */
  #introduce(id: string, source: Fields): Call {
    const known = this.#calls.get(id);
    if (known) return known;
    const call: Call = { isDynamic: source["dynamic"] === true, state: "available", step: this.#step };
    this.#calls.set(id, call);
    this.#addPart({ type: "tool-input-start", toolCallId: id, toolName: nameOf(source), dynamic: call.isDynamic || undefined });
    return call;
  }

  // ---- steps and parts ----

  /** A parser that has no such chunk keeps what it was given; what comes stands after it. */
  #resetStep(chunk: Fields): void {
    this.#closeBlocks();
    for (const [id, call] of this.#calls) if (call.step === this.#step) this.#calls.delete(id);
    this.#give(chunk);
  }

  #takePart(chunk: Fields): void {
    const type = chunk["type"] as string;
    if (LASTING.includes(type)) return this.#addPart(asData(chunk));
    if (!isKnownType(type)) return this.#notify(chunk);
    if (type.startsWith("data-") && chunk["transient"] === true && chunk["replayed"]) return;
    this.#addPart(type.startsWith("data-") && chunk["data"] === undefined ? { ...chunk, data: null } : chunk);
  }

  /** Told to `onData`, but no part of the message. What was told before a reload is not told again. */
  #notify(chunk: Fields): void {
    if (!chunk["replayed"]) this.#give({ ...asData(chunk), transient: true });
  }

  #addPart(chunk: Fields): void {
    this.#closeUnnamed();
    this.#give(chunk);
  }

  /** A chunk that the target does not have is data; one that lacks what it needs is a notice. */
  #give(chunk: Fields): void {
    const fitting = fit(chunk, this.#major);
    if (fitting) return void this.#out.push(fitting);
    const newer = fit(chunk, 7);
    if (!newer || newer["type"] === "reset-step") return this.#notify(chunk);
    this.#out.push(asData(newer));
  }
}

/** A call that has come further is not taken back. */
function isBefore(state: Call["state"], known: Call["state"]): boolean {
  return known === "settled" || (state === "streaming" && known === "available");
}

function asData(chunk: Fields): Fields {
  const data = Object.fromEntries(Object.entries(chunk).filter(([name]) => !OWN_MEMBERS.includes(name)));
  return { type: `data-${String(chunk["type"])}`, data };
}

/** The tool's name, in either dialect. */
function nameOf({ tool_name, toolName }: Fields): string {
  const name = tool_name ?? toolName;
  return typeof name === "string" ? name : "unknown";
}
