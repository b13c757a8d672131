/**
 * Implements `mergeMessages`. The rules are in `src/compat/merge.rs`. This file extracts from each message what they compare,
 * and replaces ids and texts by numbers, so that both stay in JavaScript.
 */

import { mergeLists } from "../../pkg/rejoin.js";
import { Answer, Role } from "../loader/generated.js";
import type { MergeOptions, Message } from "../types/index.js";
import { Numbers } from "./numbers.js";
import { requireInit } from "../loader/wasm.js";
import { PENDING, isId, parse, plainText, record } from "../message/fields.js";
import type { Fields } from "../message/fields.js";

/**
 * Returns the server's messages in order, followed by the local ones that the server does not have yet. Both lists may mix
 * messages of the server's shape, of an app on the legacy dialect, and the AI SDK's `UIMessage`s. The result has the same objects.
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
 * Returns the places of the server's messages that the active task continues: the one whose id it names, and the responses to
 * that message's calls. Returns undefined if no task writes an answer.
 */
function continuedBy(activeStream: unknown, server: readonly unknown[]): Uint32Array | undefined {
  if (!activeStream || isOperation(activeStream as Fields)) return undefined;
  const { message_id: id, messageId = id } = activeStream as Fields;
  const messages = server.map(record);
  const continued = isId(messageId) ? messages.find((message) => message["id"] === messageId) : undefined;
  if (!continued) return new Uint32Array();
  const calls = new Set<unknown>(list(continued["tool_calls"]).map((call) => call["id"]));
  const isKept = (message: Fields): boolean => message === continued || calls.has(message["tool_call_id"]);
  return Uint32Array.from(messages.flatMap((message, place) => (isKept(message) ? [place] : [])));
}

/** Returns whether the active task is an operation, whose stream does not repeat the answer that started it (PROTOCOL §7). */
function isOperation({ tool_name: name, toolName = name }: Fields): boolean {
  return typeof toolName === "string" && toolName !== "" && toolName !== "chat";
}

/** Assigns equal numbers to equal texts and equal ids, and answers the module's questions about texts. */
class Table {
  readonly #texts = new Numbers<string>();
  readonly #keys = new Numbers<unknown>();

  reduce(messages: readonly unknown[]): Uint32Array {
    const words: number[] = [];
    for (const message of messages) {
      const fields = record(message);
      const calls = keysOf(fields);
      const text = textOf(fields, calls.length > 0);
      const keys = [...calls, ...idsOf(fields), message];
      words.push(roleOf(fields), responseOf(fields), this.#texts.of(text), this.#texts.of(text === "" ? filesOf(fields) : undefined), keys.length);
      for (const key of keys) words.push(this.#keys.of(key));
    }
    return Uint32Array.from(words);
  }

  lengths(): Uint32Array {
    return Uint32Array.from(this.#texts.values, (text = "") => text.length);
  }

  /** Returns whether `text` continues at `at` with `part`, compared up to the end of the shorter one. */
  holdsAt(text: number, at: number, part: number): boolean {
    const { values } = this.#texts;
    const whole = values[text] ?? "";
    const piece = values[part] ?? "";
    return piece.length <= whole.length - at ? whole.startsWith(piece, at) : piece.startsWith(whole.slice(at));
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
 * Returns the text by which a message is compared, or undefined if only its ids count. A user message without text has only
 * files and is compared by its place. An answer without text is about to begin, unless it calls tools.
 */
function textOf(message: Fields, callsTools: boolean): string | undefined {
  const text = plainText(message["content"]) ?? plainText(message["parts"]);
  if (text) return text;
  const isCompared = message["role"] === "user" || (message["role"] === "assistant" && !callsTools);
  return isCompared ? "" : undefined;
}

/** Describes the file parts, if there are any. It leaves out their URLs, which change when a backend stores the files. */
function filesOf(message: Fields): string | undefined {
  const files = list(message["parts"]).filter((part) => part["type"] === "file");
  return files.length > 0 ? JSON.stringify(files.map((part) => [part["mediaType"], part["filename"]])) : undefined;
}

function idsOf(message: Fields): string[] {
  const id = message["id"];
  return isId(id) ? [`id ${String(id)}`] : [];
}

/** Returns the number that says whether a message has a tool response, in which form, and whether it is final. */
function responseOf(message: Fields): Answer {
  const parts = list(message["parts"]).filter(isAnsweredPart);
  if (parts.length > 0) return parts.some((part) => isPending(part, part["output"])) ? Answer.PendingPart : Answer.FinalPart;
  if (PENDING.has(message["type"])) return Answer.PendingMessage;
  if (message["role"] === "tool") return isPending(message, message["content"]) ? Answer.PendingMessage : Answer.FinalMessage;
  if (message["type"] === "tool_response") return isPending(message, message["result"]) ? Answer.PendingMessage : Answer.FinalMessage;
  return Answer.None;
}

/** Returns whether another response follows. A result that names an operation but has no type only says that it began. */
function isPending(holder: Fields, result: unknown): boolean {
  const { type, operation_id: id, operationId = id } = resultOf(result);
  return holder["preliminary"] === true || PENDING.has(type) || (type === undefined && isId(operationId));
}

/** Returns the ids of the calls, results and operations of a message. A call and its result are different things. */
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
  for (const source of [message, resultOf(message["result"]), contentOf(message)]) addOperation(source, add);
  return keys;
}

function addPart(part: Fields, add: (sort: string, id: unknown) => void): void {
  if (!isToolPart(part)) return;
  add("call", part["toolCallId"]);
  if (isAnsweredPart(part)) add("result", part["toolCallId"]);
  addOperation(resultOf(part["output"]), add);
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

/** Returns the content of a tool message, in which the server stores the result as JSON text. */
function contentOf(message: Fields): Fields {
  return message["role"] === "tool" ? resultOf(message["content"]) : {};
}

/** Returns an object itself, or parses a JSON text that may name an operation. */
function resultOf(value: unknown): Fields {
  return record(typeof value === "string" && value.includes('"operation') ? parse(value) : value);
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "object" && item !== null) : [];
}
