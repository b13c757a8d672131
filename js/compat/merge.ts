/**
 * `mergeMessages`: what a message is known by. Which ones match is decided in src/merge.rs, on numbers that stand for
 * ids and texts, so that neither leaves JavaScript and messages keep their identity.
 */

import { mergeLists } from "../../pkg/rejoin.js";
import { Answer, Role } from "../loader/constants.js";
import type { MergeOptions, Message } from "../types/index.js";
import { requireInit } from "../loader/wasm.js";

/** What a tool answers whose operation goes on without it, as backends send and store it, and as apps note it (PROTOCOL §7). */
const PENDING = new Set<unknown>(["operation_started", "operation_pending", "operation_in_progress"]);

type Fields = Record<string, unknown>;

/**
 * The server's messages in order, then those local ones that it does not have yet. Both lists may hold messages of the
 * server's shape, of an app on the legacy dialect, and the AI SDK's `UIMessage`s, also mixed.
 *
 * @throws {RejoinError} `NOT_INITIALISED`
 */
export function mergeMessages<S extends Message, L extends Message = S>(
  server: readonly S[] | null | undefined,
  local: readonly L[] | null | undefined,
  options?: MergeOptions | null,
): Array<S | L> {
  requireInit();
  const theirs = server ?? [];
  const ours = local ?? [];
  const table = new Table();
  const [their, our] = [table.reduce(theirs), table.reduce(ours)];
  const places = mergeLists(their, our, continuedBy(options?.activeStream, theirs), table.lengths(), table);
  return Array.from(places, (place) => (place < theirs.length ? theirs[place] : ours[place - theirs.length]) as S | L);
}

/**
 * The places of what the active stream's task found in the server's list and continues: the message that it names, and
 * the responses to that message's calls. Undefined where no task is writing an answer.
 */
function continuedBy(activeStream: unknown, server: readonly unknown[]): Uint32Array | undefined {
  if (!activeStream || isOperation(activeStream as Fields)) return undefined;
  const { message_id: id, messageId = id } = activeStream as Fields;
  const messages = server.map((message) => (typeof message === "object" && message !== null ? message : {}) as Fields);
  const continued = isId(messageId) ? messages.find((message) => message["id"] === messageId) : undefined;
  if (!continued) return new Uint32Array();
  const calls = new Set<unknown>(list(continued["tool_calls"]).map((call) => call["id"]));
  const isKept = (message: Fields): boolean => message === continued || calls.has(message["tool_call_id"]);
  return Uint32Array.from(messages.flatMap((message, place) => (isKept(message) ? [place] : [])));
}

/** Whether the task is an operation's: it gives what is new, and not the answer that began it (PROTOCOL §7). */
function isOperation({ tool_name: name, toolName = name }: Fields): boolean {
  return typeof toolName === "string" && toolName !== "" && toolName !== "chat";
}

/** Gives equal texts and equal ids equal numbers, and answers what the module asks about a text. */
class Table {
  readonly #texts: string[] = [""];
  readonly #textNumbers = new Map<string, number>();
  readonly #keys = new Map<unknown, number>();

  reduce(messages: readonly unknown[]): Uint32Array {
    const words: number[] = [];
    for (const message of messages) {
      const fields = (typeof message === "object" && message !== null ? message : {}) as Fields;
      const calls = keysOf(fields);
      const text = textOf(fields, calls.length > 0);
      const keys = [...calls, ...idsOf(fields), message];
      words.push(roleOf(fields), responseOf(fields), this.#text(text), this.#text(text === "" ? filesOf(fields) : undefined), keys.length);
      for (const key of keys) words.push(this.#key(key));
    }
    return Uint32Array.from(words);
  }

  lengths(): Uint32Array {
    return Uint32Array.from(this.#texts, (text) => text.length);
  }

  /** Whether `text` holds `part` at `at`, as far as the shorter of the two goes. */
  holdsAt(text: number, at: number, part: number): boolean {
    const whole = this.#texts[text] as string;
    const piece = this.#texts[part] as string;
    return piece.length <= whole.length - at ? whole.startsWith(piece, at) : piece.startsWith(whole.slice(at));
  }

  #text(text: string | undefined): number {
    if (text === undefined) return 0;
    const known = this.#textNumbers.get(text);
    if (known !== undefined) return known;
    this.#textNumbers.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  #key(key: unknown): number {
    const known = this.#keys.get(key) ?? this.#keys.size;
    this.#keys.set(key, known);
    return known;
  }
}

function roleOf(message: Fields): Role {
  switch (message["role"]) {
    case "user":
      return Role.User;
    case "assistant":
      return Role.Assistant;
    case "tool":
      return Role.Tool;
    case undefined:
      return keysOf(message).length > 0 ? Role.Tool : Role.Other;
    default:
      return Role.Other;
  }
}

/**
 * The text that a message is compared by; undefined where it is compared by its ids alone. A user message without text
 * holds files only, and is compared by its place. An answer without text is about to begin, unless it calls tools.
 */
function textOf(message: Fields, callsTools: boolean): string | undefined {
  const text = plainText(message["content"]) ?? plainText(message["parts"]);
  if (text) return text;
  const isCompared = message["role"] === "user" || (message["role"] === "assistant" && !callsTools);
  return isCompared ? "" : undefined;
}

/** Of a string, or of the text parts of a list. */
function plainText(content: unknown): string | undefined {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return undefined;
  return content.map((part: Fields | null) => (part?.["type"] === "text" ? String(part["text"] ?? "") : "")).join("");
}

/** What the file parts are, where there are some: not their addresses, which a backend that stores them may change. */
function filesOf(message: Fields): string | undefined {
  const files = list(message["parts"]).filter((part) => part["type"] === "file");
  return files.length > 0 ? JSON.stringify(files.map((part) => [part["mediaType"], part["filename"]])) : undefined;
}

function idsOf(message: Fields): string[] {
  const id = message["id"];
  return isId(id) ? [`id ${String(id)}`] : [];
}

function responseOf(message: Fields): Answer {
  const parts = list(message["parts"]).filter(isAnsweredPart);
  if (parts.length > 0) return parts.some((part) => isPending(part, part["output"])) ? Answer.PendingPart : Answer.FinalPart;
  if (PENDING.has(message["type"])) return Answer.PendingMessage;
  if (message["role"] === "tool") return isPending(message, message["content"]) ? Answer.PendingMessage : Answer.FinalMessage;
  if (message["type"] === "tool_response") return isPending(message, message["result"]) ? Answer.PendingMessage : Answer.FinalMessage;
  return Answer.None;
}

/** A result that names an operation and has no type of its own is a notice that the operation began. */
function isPending(holder: Fields, result: unknown): boolean {
  const { type, operation_id: id, operationId = id } = record(result);
  return holder["preliminary"] === true || PENDING.has(type) || (type === undefined && isId(operationId));
}

/** What a message is known by beside its own id. A call and its result are two things. */
function keysOf(message: Fields): string[] {
  const keys: string[] = [];
  const add = (sort: string, id: unknown): void => {
    if (isId(id)) keys.push(`${sort} ${String(id)}`);
  };
  for (const call of list(message["tool_calls"])) add("call", call["id"]);
  add("result", message["tool_call_id"]);
  const own = message["type"] === "tool_call" || message["type"] === "tool_call_start" ? "call" : "result";
  for (const name of ["toolId", "toolCallId", "tool_id"]) add(own, message[name]);
  for (const part of list(message["parts"])) addPart(part, add);
  for (const source of [message, record(message["result"]), contentOf(message)]) addOperation(source, add);
  return keys;
}

function addPart(part: Fields, add: (sort: string, id: unknown) => void): void {
  if (!isToolPart(part)) return;
  add("call", part["toolCallId"]);
  if (isAnsweredPart(part)) add("result", part["toolCallId"]);
  addOperation(record(part["output"]), add);
}

function isToolPart({ type }: Fields): boolean {
  return typeof type === "string" && (type === "dynamic-tool" || type.startsWith("tool-"));
}

function isAnsweredPart(part: Fields): boolean {
  return isToolPart(part) && String(part["state"]).startsWith("output-");
}

function addOperation(source: Fields, add: (sort: string, id: unknown) => void): void {
  add("operation", source["operation_id"]);
  add("operation", source["operationId"]);
}

/** The server stores a tool's result as JSON text in its message's content. */
function contentOf(message: Fields): Fields {
  return message["role"] === "tool" ? record(message["content"]) : {};
}

/** An object, or the one that a JSON text with an operation in it holds. */
function record(value: unknown): Fields {
  if (typeof value === "object" && value !== null) return value as Fields;
  if (typeof value !== "string" || !value.includes('"operation')) return {};
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === "object" && parsed !== null ? (parsed as Fields) : {};
  } catch {
    return {};
  }
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "object" && item !== null) : [];
}

function isId(id: unknown): boolean {
  return (typeof id === "string" && id !== "") || typeof id === "number";
}
