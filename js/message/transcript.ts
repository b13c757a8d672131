/**
 * Builds one message in the AI SDK's `UIMessage` shape from the chunks of either dialect. It never throws, even for chunks that
 * break the protocol.
 *
 * The cost of a chunk depends on its own size only. `message` is assembled when it is read. Parts that have not changed are the
 * same objects as before, and so is a message that has not changed.
 */

import { ToolCall, present } from "./tool-part.js";
import { isInterim } from "./tool-result.js";
import { readRows } from "../chunks/batch.js";
import { DeltaSort } from "../loader/generated.js";
import type { Batch, Rows } from "../chunks/batch.js";
import type { StreamChunk, StreamUsage, UIMessage, UIMessagePart } from "../types/index.js";
import type { Fields } from "./fields.js";

/** A part that may still change. `part` is the same object until it does. */
interface Cell {
  readonly part: UIMessagePart;
}

/** A block of text or of reasoning. */
class TextBlock implements Cell {
  readonly #head: { type: string; id?: unknown };
  #text = "";
  #state = "streaming";
  #metadata: unknown;
  #part: UIMessagePart | undefined;

  constructor(head: { type: string; id?: unknown }) {
    this.#head = head;
  }

  get part(): UIMessagePart {
    return (this.#part ??= this.#build());
  }

  #build(): UIMessagePart {
    return { ...this.#head, text: this.#text, state: this.#state, ...present({ providerMetadata: this.#metadata }) } as UIMessagePart;
  }

  append(text: string, chunk: Fields): void {
    this.#text += text;
    this.#update(chunk);
  }

  close(chunk: Fields): void {
    this.#state = "done";
    this.#update(chunk);
  }

  #update(chunk: Fields): void {
    this.#metadata = chunk["providerMetadata"] ?? this.#metadata;
    this.#part = undefined;
  }
}

/** The open blocks of one sort by their ids. */
type Blocks = Map<unknown, TextBlock>;

/** The id of the text block of the legacy dialect, which has only one block at a time. */
const UNNAMED = undefined;

/** Used for a delta that has no fields beside its text. */
const NO_FACTS: Fields = {};

/** Builds the message of one stream. */
export class Transcript implements Rows {
  /** Batches that have not been read yet. */
  #waiting: Batch[] = [];
  #id: string | undefined;
  #taskId: unknown;
  #metadata: unknown;
  #usage: StreamUsage | undefined;
  #cells: Cell[] = [];
  /** The number of parts before the current step. */
  #before = 0;
  readonly #text: Blocks = new Map();
  readonly #reasoning: Blocks = new Map();
  readonly #tools = new Map<unknown, ToolCall>();
  readonly #approvals = new Map<unknown, ToolCall>();
  /** The places of the data parts that have an id, by type and id. */
  readonly #data = new Map<string, number>();
  /** The message so far: null before the first chunk that concerns it, and undefined if it has changed since it was read. */
  #message: UIMessage | null | undefined = null;

  /** The message so far, or null before the first chunk that concerns it. */
  get message(): UIMessage | null {
    this.absorb();
    return this.#message === undefined ? (this.#message = this.#build()) : this.#message;
  }

  /** The tokens that the last `usage` chunk reports. */
  get usage(): StreamUsage | undefined {
    this.absorb();
    return this.#usage;
  }

  /** Reads the next chunks. */
  push(chunks: Iterable<StreamChunk>): void {
    this.absorb();
    for (const chunk of chunks) this.chunk(chunk);
  }

  /** Keeps the next chunks and reads them when they are needed. */
  add(batch: Batch): void {
    this.#waiting.push(batch);
  }

  /** Reads the batches that wait, so that their memory can be freed. */
  absorb(): void {
    for (const batch of this.#waiting.splice(0)) readRows(batch, this);
  }

  /** @internal */
  chunk(chunk: StreamChunk): void {
    this.#take(chunk as unknown as Fields);
  }

  /** @internal */
  run(sort: DeltaSort, block: string, text: string): void {
    switch (sort) {
      case DeltaSort.Legacy:
        return this.#append(this.#text, UNNAMED, text, NO_FACTS);
      case DeltaSort.Text:
        return this.#append(this.#text, block, text, NO_FACTS);
      case DeltaSort.Reasoning:
        return this.#append(this.#reasoning, block, text, NO_FACTS);
      default:
        return this.#change(this.#tools.get(block), (tool) => tool.append(text));
    }
  }

  /** Forgets everything, before another stream or a stream that starts over. */
  reset(): void {
    this.#waiting = [];
    this.#forget();
  }

  #forget(): void {
    this.#id = this.#taskId = this.#metadata = this.#usage = undefined;
    this.#before = 0;
    this.#resetStep();
    this.#message = null;
  }

  #build(): UIMessage {
    const parts = this.#cells.map((cell) => cell.part);
    const message: UIMessage = { id: this.#id ?? "", role: "assistant", parts };
    if (this.#metadata !== undefined) message.metadata = this.#metadata;
    return message;
  }

  #take(chunk: Fields): void {
    switch (chunk["type"]) {
      case "text_chunk":
        return this.#append(this.#text, chunk["blockId"], chunk["content"], chunk);
      case "text_ended":
        return this.#close(this.#text, chunk["blockId"], chunk);
      case "reasoning-start":
        return this.#append(this.#reasoning, chunk["id"], "", chunk);
      case "reasoning-delta":
        return this.#append(this.#reasoning, chunk["id"], chunk["delta"], chunk);
      case "reasoning-end":
        return this.#close(this.#reasoning, chunk["id"], chunk);
      case "usage":
        return this.#count(chunk as unknown as StreamUsage);
      case "stream_reset":
        return this.#forget();
      case "stream_start":
      case "start":
        return this.#start(chunk);
      case "start-step":
        this.#add({ part: { type: "step-start" } });
        this.#before = this.#cells.length;
        return;
      case "reset-step":
        return this.#resetStep();
      case "message-metadata":
        return this.#merge(chunk["messageMetadata"]);
      case "stream_end":
      case "abort":
      case "error":
        return this.#end(chunk);
      case "tool_call":
      case "tool_call_start":
        return this.#startTool(chunk);
      case "tool_response":
        return this.#change(this.#tool(chunk["tool_id"], chunk), (tool) => tool.respond(chunk, !isInterim(chunk)));
      case "tool-input-delta":
        return this.#change(this.#tools.get(chunk["toolCallId"]), (tool) => tool.append(String(chunk["inputTextDelta"] ?? "")));
      case "tool-input-error":
      case "tool-output-error":
        return this.#change(this.#tool(chunk["toolCallId"], chunk), (tool) => tool.fail(chunk));
      case "tool-output-denied":
        return this.#change(this.#tools.get(chunk["toolCallId"]), (tool) => tool.deny());
      case "tool-approval-request":
        return this.#ask(chunk);
      case "tool-approval-response":
        return this.#change(this.#approvals.get(chunk["approvalId"]), (tool) => tool.answer(chunk));
      default:
        return this.#takePart(chunk);
    }
  }

  #takePart(chunk: Fields): void {
    const type = chunk["type"];
    if (typeof type !== "string" || chunk["unknown"] === true) return;
    const members = PARTS.get(type);
    if (members) this.#add({ part: pick(type, members, chunk) });
    else if (type.startsWith("data-") && chunk["transient"] !== true) this.#addData(type, chunk);
  }

  #count({ promptTokens, completionTokens, totalTokens }: StreamUsage): void {
    this.#usage = { promptTokens, completionTokens, totalTokens };
  }

  /** The start of another task begins another message. The start of the same task may come again after a cut. */
  #start(chunk: Fields): void {
    const { taskId, messageId, messageMetadata } = chunk;
    if (taskId !== undefined && this.#taskId !== undefined && taskId !== this.#taskId) this.#forget();
    this.#taskId = taskId ?? this.#taskId;
    const id = messageId ?? this.#id ?? this.#taskId;
    if (typeof id === "string" && id !== this.#id) {
      this.#id = id;
      this.#message = undefined;
    }
    if (this.#message === null) this.#message = undefined;
    this.#merge(messageMetadata);
  }

  #append(blocks: Blocks, id: unknown, text: unknown, chunk: Fields): void {
    const open = blocks.get(id);
    if (open && (text === "" || typeof text !== "string") && chunk["providerMetadata"] === undefined) return;
    const block = open ?? this.#open(blocks, id);
    block.append(typeof text === "string" ? text : "", chunk);
    this.#message = undefined;
  }

  #open(blocks: Blocks, id: unknown): TextBlock {
    const block = new TextBlock(blocks === this.#text ? { type: "text" } : { type: "reasoning", ...present({ id }) });
    this.#add(block);
    blocks.set(id, block);
    return block;
  }

  #close(blocks: Blocks, id: unknown, chunk: Fields): void {
    this.#change(blocks.get(id), (block) => block.close(chunk));
    blocks.delete(id);
  }

  /** Closes all open blocks at the end of the stream. */
  #end(chunk: Fields): void {
    for (const blocks of [this.#text, this.#reasoning]) {
      for (const id of [...blocks.keys()]) this.#close(blocks, id, {});
    }
    this.#merge(chunk["messageMetadata"]);
  }

  /** Adds a part. The text block without an id ends here, so that later text comes after this part. */
  #add(cell: Cell): void {
    if (this.#text.has(UNNAMED)) this.#close(this.#text, UNNAMED, {});
    this.#cells.push(cell);
    this.#message = undefined;
  }

  #startTool(chunk: Fields): void {
    if (typeof chunk["tool_name"] !== "string") return;
    this.#change(this.#tool(chunk["tool_id"], chunk), (tool) => tool.start(chunk));
  }

  /** Returns the call with this id, and creates it if it is not known yet. */
  #tool(id: unknown, chunk: Fields): ToolCall | undefined {
    const known = this.#tools.get(id);
    if (known || typeof id !== "string") return known;
    const name = chunk["tool_name"] ?? chunk["toolName"];
    const tool = new ToolCall(id, typeof name === "string" ? name : "unknown", chunk["dynamic"] === true);
    this.#tools.set(id, tool);
    this.#add(tool);
    return tool;
  }

  #ask(chunk: Fields): void {
    const tool = this.#tools.get(chunk["toolCallId"]);
    if (tool) this.#approvals.set(chunk["approvalId"], tool);
    this.#change(tool, (tool) => tool.ask(chunk));
  }

  #change<C extends Cell>(cell: C | undefined, change: (cell: C) => void): void {
    if (!cell) return;
    change(cell);
    this.#message = undefined;
  }

  #addData(type: string, chunk: Fields): void {
    const cell = { part: pick(type, ["id", "data"], chunk) };
    const key = chunk["id"] === undefined ? undefined : `${type} ${String(chunk["id"])}`;
    const place = key === undefined ? undefined : this.#data.get(key);
    if (place !== undefined) {
      this.#cells[place] = cell;
      this.#message = undefined;
      return;
    }
    this.#add(cell);
    if (key !== undefined) this.#data.set(key, this.#cells.length - 1);
  }

  /** Removes everything that the current step has added. */
  #resetStep(): void {
    const gone = new Set(this.#cells.splice(this.#before));
    this.#text.clear();
    this.#reasoning.clear();
    for (const tools of [this.#tools, this.#approvals]) {
      for (const [id, tool] of tools) if (gone.has(tool)) tools.delete(id);
    }
    for (const [key, place] of this.#data) if (place >= this.#before) this.#data.delete(key);
    if (gone.size > 0) this.#message = undefined;
  }

  #merge(metadata: unknown): void {
    if (metadata === undefined || metadata === null) return;
    this.#metadata = merged(this.#metadata, metadata);
    this.#message = undefined;
  }
}

/** For the chunks that are parts by themselves, the fields that the part keeps. */
const PARTS = new Map<string, readonly string[]>([
  ["source-url", ["sourceId", "url", "title", "providerMetadata"]],
  ["source-document", ["sourceId", "mediaType", "title", "filename", "providerMetadata"]],
  ["file", ["mediaType", "url", "providerMetadata"]],
  ["reasoning-file", ["mediaType", "url", "providerMetadata"]],
  ["custom", ["kind", "providerMetadata"]],
  ["steering-message", ["id", "parts"]],
]);

function pick(type: string, members: readonly string[], chunk: Fields): UIMessagePart {
  const part: Fields = { type };
  for (const member of members) if (chunk[member] !== undefined) part[member] = chunk[member];
  return part as unknown as UIMessagePart;
}

/** Merges objects key by key at every depth. It replaces any other value. */
function merged(old: unknown, metadata: unknown): unknown {
  if (!isPlainObject(old) || !isPlainObject(metadata)) return metadata;
  const result: Fields = { ...old };
  for (const [name, value] of Object.entries(metadata)) {
    if (name !== "__proto__" && value !== undefined) result[name] = merged(old[name], value);
  }
  return result;
}

function isPlainObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
