/** Converts what the core reports into the objects that the app receives. */

import { parse } from "../message/fields.js";
import { RejoinError } from "../types/errors.js";
import type { ErrorRecord, OutcomeRecord, StateRecord } from "../loader/generated.js";
import type { StreamState } from "./session/channel.js";
import type { LoadedSession, StreamOutcome } from "../types/index.js";

export function toState(record: StateRecord): StreamState {
  return withError(record);
}

export function toOutcome(record: OutcomeRecord): StreamOutcome {
  return withError(record) as StreamOutcome;
}

function withError<Record extends { error?: ErrorRecord | undefined }>({ error, ...rest }: Record): Omit<Record, "error"> & { error?: RejoinError } {
  return error ? { ...rest, error: toError(error) } : rest;
}

export function toError({ code, message, status, retryable, details }: ErrorRecord): RejoinError {
  return new RejoinError(code, message, { status, retryable, details: details === undefined ? undefined : parse(details) });
}

/**
 * Reads the answer of `GET /sessions/{id}`.
 *
 * @throws {RejoinError} `INVALID_RESPONSE` if it is not a session
 */
export function toSession(text: string): LoadedSession {
  const body = parse(text) as { messages?: unknown; active_stream?: object | null } | null;
  if (!Array.isArray(body?.messages)) throw new RejoinError("INVALID_RESPONSE", "The answer is no session; is the base URL right?");
  return { messages: body.messages, activeStream: body.active_stream ?? null };
}
