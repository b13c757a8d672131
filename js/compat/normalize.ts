/**
 * The utilities that turn the data of one event into one chunk. They have the names of the TypeScript layer that the package
 * replaces. The WebAssembly module decides by the type (`src/compat/normalize.rs`); the objects are built here, so that values
 * keep their identity.
 */

import { Form } from "../loader/generated.js";
import { dataStart, formOfError, formOfStart, formOfType } from "../../pkg/rejoin.js";
import { memoise } from "./memo.js";
import type { LegacyStreamChunk, StreamChunk } from "../types/index.js";
import { requireInit } from "../loader/wasm.js";

/** The number of retries of the TypeScript layer that this package replaces, for apps that retry by themselves. */
export const MAX_RETRIES = 3;

/** The first delay of those retries, in milliseconds. */
export const INITIAL_RETRY_DELAY = 1000;

type Fields = Record<string, any>;

const formOf = memoise(formOfType) as (type: string) => Form;

/**
 * Returns the data of one line of an event stream: `"x"` for `"data: x"` and `"data:x"`, and null for any other line.
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
 * Returns whether a chunk is of the legacy dialect, which `normalizeStreamChunk` returns unchanged.
 *
 * @throws {RejoinError} `NOT_INITIALISED`
 */
export function isLegacyStreamChunk(chunk: unknown): chunk is LegacyStreamChunk {
  requireInit();
  return form(chunk) === Form.Legacy;
}

/**
 * Converts a parsed chunk of either dialect by the table of PROTOCOL §3. Returns null for chunks that the table turns into
 * nothing, for types that it does not list, and for anything that is not a chunk.
 *
 * @throws {RejoinError} `NOT_INITIALISED`
 */
export function normalizeStreamChunk(chunk: unknown): StreamChunk | null {
  requireInit();
  const code = form(chunk);
  return code === Form.Nothing ? null : build(code, chunk as Fields);
}

function form(chunk: unknown): Form {
  if (typeof chunk !== "object" || chunk === null) return Form.Nothing;
  const fields = chunk as Fields;
  if (typeof fields["type"] !== "string") return Form.Nothing;
  const code = formOf(fields["type"]);
  if (code === Form.Start) return formOfStart(typeof fields["taskId"] === "string" ? fields["taskId"].length : 0);
  if (code === Form.AnyError) return formOfError((fields["message"] ?? fields["content"]) != null, fields["errorText"] != null);
  return code;
}

function build(code: Form, chunk: Fields): StreamChunk {
  switch (code) {
    case Form.StreamStart:
      return { type: "stream_start", taskId: chunk["taskId"] };
    case Form.TextChunk:
      return { type: "text_chunk", content: chunk["delta"] };
    case Form.TextEnded:
      return { type: "text_ended" };
    case Form.ToolInputStart:
      return { type: "tool_call_start", tool_id: chunk["toolCallId"], tool_name: chunk["toolName"], arguments: {} };
    case Form.ToolCallStart:
      return {
        type: "tool_call_start",
        tool_id: chunk["toolCallId"],
        tool_name: chunk["toolName"],
        arguments: chunk["input"],
      };
    case Form.ToolResponse:
      return {
        type: "tool_response",
        tool_id: chunk["toolCallId"],
        tool_name: chunk["toolName"],
        result: chunk["output"],
        success: chunk["success"] ?? true,
      };
    case Form.Error:
      return { type: "error", message: chunk["errorText"], code: chunk["code"], details: chunk["details"] };
    case Form.StreamEnd:
      return { type: "stream_end" };
    case Form.Legacy:
    case Form.Normal:
    default:
      return chunk as StreamChunk;
  }
}
