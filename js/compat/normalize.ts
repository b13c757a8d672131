/**
 * The utilities that turn one frame into one chunk, under the names of the TypeScript layer they replace. The module
 * decides by type (src/normalize.rs); the objects are built here, so that every value stays the one that was given.
 */

import { dataStart, formOfError, formOfStart, formOfType } from "../../pkg/rejoin.js";
import { memoise } from "./memo.js";
import type { LegacyStreamChunk, StreamChunk } from "../types/index.js";
import { requireInit } from "../loader/wasm.js";

/** Tries again of the TypeScript layer, for apps that count their own. */
export const MAX_RETRIES = 3;

/** Its first delay, in ms. */
export const INITIAL_RETRY_DELAY = 1000;

// The numbers of `Form` in src/normalize.rs.
const NOTHING = 0;
const LEGACY = 1;
const NORMAL = 2;
const STREAM_START = 3;
const TEXT_CHUNK = 4;
const TEXT_ENDED = 5;
const TOOL_INPUT_START = 6;
const TOOL_CALL_START = 7;
const TOOL_RESPONSE = 8;
const ERROR = 9;
const STREAM_END = 10;
const START = 11;
const ANY_ERROR = 12;

type Fields = Record<string, any>;

const formOf = memoise(formOfType);

/**
 * The data of one line of an event stream: `"data: x"` and `"data:x"` give `"x"`, any other line null.
 *
 * @throws {RejoinError} `NOT_INITIALISED`
 */
export function parseSSELine(line: string): string | null {
  requireInit();
  if (typeof line !== "string") return null;
  const start = dataStart(line.slice(0, 6));
  return start === undefined ? null : line.slice(start);
}

/**
 * Whether a chunk is of the legacy dialect and passes through `normalizeStreamChunk` unchanged.
 *
 * @throws {RejoinError} `NOT_INITIALISED`
 */
export function isLegacyStreamChunk(chunk: unknown): chunk is LegacyStreamChunk {
  requireInit();
  return form(chunk) === LEGACY;
}

/**
 * A frame of either dialect as a chunk, exactly by the table of PROTOCOL §3. Null for what the table does not have:
 * frames that say nothing by themselves, unknown types, and anything that is no chunk.
 *
 * @throws {RejoinError} `NOT_INITIALISED`
 */
export function normalizeStreamChunk(chunk: unknown): StreamChunk | null {
  requireInit();
  const code = form(chunk);
  return code === NOTHING ? null : build(code, chunk as Fields);
}

function form(chunk: unknown): number {
  if (typeof chunk !== "object" || chunk === null) return NOTHING;
  const fields = chunk as Fields;
  if (typeof fields["type"] !== "string") return NOTHING;
  const code = formOf(fields["type"]);
  if (code === START) return formOfStart(typeof fields["taskId"] === "string" ? fields["taskId"].length : 0);
  if (code === ANY_ERROR) return formOfError((fields["message"] ?? fields["content"]) != null, fields["errorText"] != null);
  return code;
}

function build(code: number, chunk: Fields): StreamChunk {
  switch (code) {
    case STREAM_START:
      return { type: "stream_start", taskId: chunk["taskId"] };
    case TEXT_CHUNK:
      return { type: "text_chunk", content: chunk["delta"] };
    case TEXT_ENDED:
      return { type: "text_ended" };
    case TOOL_INPUT_START:
      return { type: "tool_call_start", tool_id: chunk["toolCallId"], tool_name: chunk["toolName"], arguments: {} };
    case TOOL_CALL_START:
      return {
        type: "tool_call_start",
        tool_id: chunk["toolCallId"],
        tool_name: chunk["toolName"],
        arguments: chunk["input"],
      };
    case TOOL_RESPONSE:
      return {
        type: "tool_response",
        tool_id: chunk["toolCallId"],
        tool_name: chunk["toolName"],
        result: chunk["output"],
        success: chunk["success"] ?? true,
      };
    case ERROR:
      return { type: "error", message: chunk["errorText"], code: chunk["code"], details: chunk["details"] };
    case STREAM_END:
      return { type: "stream_end" };
    case LEGACY:
    case NORMAL:
    default:
      return chunk as StreamChunk;
  }
}
