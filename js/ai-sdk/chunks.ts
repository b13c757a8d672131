/**
 * Converts chunks of the streaming client into chunks that a parser of the AI SDK accepts. Such a parser throws at a delta
 * without its start, at a result without its call, and at an approval without its request, so the missing chunks are added.
 *
 * Chunks for which the AI SDK has no type become `data-<type>`, with the chunk's fields as `data`.
 */

import { chunksOf } from "./earlier.js";
import { fit, isKnownType } from "./shapes.js";
import { errorText, isInterim } from "../message/tool-result.js";
import type { UIMessage } from "ai";
import type { Fields, Major } from "./shapes.js";
import type { StreamChunk } from "../types/index.js";

/** What the parser knows about a tool call. */
interface Call {
  readonly isDynamic: boolean;
  state: "streaming" | "available" | "settled";
  /** The number of the step in which the call began. */
  step: number;
}

/** A tool call that the parser knows before the first chunk, because the answer continues its message. */
export interface KnownCall {
  id: string;
  isDynamic: boolean;
  approvalId?: string | undefined;
}

/** The message that an answer continues. */
export interface Continued {
  calls: readonly KnownCall[];
  /** The message as it was, where the parser builds it again. */
  message?: UIMessage | undefined;
}

/** The kinds of blocks, as chunk types begin with them. */
type BlockKind = "text" | "reasoning";

/** The fields that the streaming client has added. */
const OWN_MEMBERS = ["type", "eventId", "replayed", "unknown"];

/**
 * The legacy chunks that become data parts of the message. Other chunks that the AI SDK does not know become transient data.
 */
const LASTING = ["login_needed", "need_login", "credentials_needed"];

/** Converts the chunks of one answer. */
export class ChunkWriter {
  readonly #major: Major;
  readonly #continued: Continued;
  /** The ids of the open blocks. */
  readonly #open = { text: new Set<string>(), reasoning: new Set<string>() };
  readonly #calls = new Map<string, Call>();
  readonly #approvals = new Set<string>();
  #out: Fields[] = [];
  #isStarted = false;
  /** The id for the open text block of the legacy dialect, which has only one block at a time and no ids. */
  #unnamed: string | undefined;
  #unnamedBlocks = 0;
  #step = 0;

  /**
   * `target` is the major of the parser. Without it the chunks are those of 7, and parsers of 5 and 6 ignore what they do
   * not know.
   */
  constructor(target: Major | undefined, continued: Continued = { calls: [] }) {
    this.#major = target ?? 7;
    this.#continued = continued;
    this.#forget();
  }

  /** Returns the chunks that the next chunk becomes, in order. */
  take(chunk: StreamChunk): Fields[] {
    this.#out = [];
    const fields = chunk as unknown as Fields;
    if (chunk.type !== "stream_start" && chunk.type !== "start") this.#start({});
    if (chunk.unknown) this.#notify(fields);
    else this.#takeText(fields);
    return this.#out;
  }

  /** Returns the chunks that close the open blocks at the end of the answer. */
  end(): Fields[] {
    this.#out = [];
    this.#closeBlocks();
    return this.#out;
  }

  /** Forgets the answer, which starts over. The caller informs the parser. */
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
    for (const { id, isDynamic, approvalId } of this.#continued.calls) {
      this.#calls.set(id, { isDynamic, state: "available", step: -1 });
      if (approvalId !== undefined) this.#approvals.add(approvalId);
    }
  }

  // ---- the message ----

  /** Writes `start` once, as the first chunk. A second one under another id would make some parsers forget the message. */
  #start({ messageId, messageMetadata }: Fields): void {
    if (!this.#isStarted) {
      this.#give({ type: "start", messageId, messageMetadata });
      const { message } = this.#continued;
      if (message && message.id === messageId) for (const chunk of chunksOf(message)) this.#give(chunk);
    } else if (messageMetadata !== undefined) this.#give({ type: "message-metadata", messageMetadata });
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
        // Parsers before 7.0.79 forget open blocks when a step finishes, and throw at their later chunks.
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
        // The outcome of the stream has the error, with which the reader fails.
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

  /** Closes a block. The streaming client delivers no `text-start`, so a block without text is opened here first. */
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

  /** Closes the block without an id before another part begins, so that later text comes after that part. */
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

  /** Writes the result of a tool, unless its final result was written before. */
  #settle(id: unknown, source: Fields, chunk: Fields): void {
    if (typeof id !== "string") return this.#notify(source);
    const call = this.#introduce(id, source);
    if (call.state === "settled") return;
    if (chunk["preliminary"] !== true) call.state = "settled";
    this.#give({ ...chunk, toolName: nameOf(source), dynamic: call.isDynamic || undefined });
  }

  /**
   * Returns a call, and writes its start if it is not known yet. The start has no input, so that it runs no tool of the app.
   */
  #introduce(id: string, source: Fields): Call {
    const known = this.#calls.get(id);
    if (known) return known;
    const call: Call = { isDynamic: source["dynamic"] === true, state: "available", step: this.#step };
    this.#calls.set(id, call);
    this.#addPart({ type: "tool-input-start", toolCallId: id, toolName: nameOf(source), dynamic: call.isDynamic || undefined });
    return call;
  }

  // ---- steps and parts ----

  /** Writes `reset-step`. A parser of a major without that chunk keeps the step, and shows what follows after it. */
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

  /** Writes transient data, which reaches `onData` but not the message. A replayed chunk has reached it before the reload. */
  #notify(chunk: Fields): void {
    if (!chunk["replayed"]) this.#give({ ...asData(chunk), transient: true });
  }

  #addPart(chunk: Fields): void {
    this.#closeUnnamed();
    this.#give(chunk);
  }

  /** Writes a chunk. One that the target does not have becomes data, and one that lacks a required field transient data. */
  #give(chunk: Fields): void {
    const fitting = fit(chunk, this.#major);
    if (fitting) return void this.#out.push(fitting);
    const newer = fit(chunk, 7);
    if (!newer || newer["type"] === "reset-step") return this.#notify(chunk);
    this.#out.push(asData(newer));
  }
}

/** Returns whether `state` comes before `known`. A call never returns to an earlier state. */
function isBefore(state: Call["state"], known: Call["state"]): boolean {
  return known === "settled" || (state === "streaming" && known === "available");
}

function asData(chunk: Fields): Fields {
  const data = Object.fromEntries(Object.entries(chunk).filter(([name]) => !OWN_MEMBERS.includes(name)));
  return { type: `data-${String(chunk["type"])}`, data };
}

/** Returns the tool's name from a chunk of either dialect. */
function nameOf({ tool_name, toolName }: Fields): string {
  const name = tool_name ?? toolName;
  return typeof name === "string" ? name : "unknown";
}
