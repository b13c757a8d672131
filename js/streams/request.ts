/** A message as the core takes it: what it decides nothing by is JSON text with the names of PROTOCOL §1. */

import { randomId } from "./random-id.js";
import { Author, Trigger } from "../loader/generated.js";
import { RejoinError } from "../types/errors.js";
import type { SentTurn, StreamRequest } from "../types/index.js";

/** The texts of a message; `Engine.start` reads them. */
export interface SendRecord {
  readonly message: string;
  readonly messageId: string;
  readonly context: string | undefined;
  /** The further members of the body, which are an object. */
  readonly rest: string;
  /** Headers of this send alone, which are an object. */
  readonly headers: string | undefined;
  /** What `onTurn` is called with, without `from`. */
  readonly turn: string;
}

const TRIGGERS = { submit: Trigger.Submit, regenerate: Trigger.Regenerate, edit: Trigger.Edit, continue: Trigger.Continue };

/** Returns who wrote a message. */
export function authorOf({ isUserMessage }: StreamRequest): Author {
  return isUserMessage === false ? Author.Assistant : Author.User;
}

/** Returns what a message does to its session. */
export function triggerOf({ trigger }: StreamRequest): Trigger {
  return TRIGGERS[trigger ?? "submit"];
}

/**
 * Returns the texts of a message.
 *
 * @throws {RejoinError} `INVALID_ARGUMENT`: a member cannot be written as JSON, or `headers` are none
 */
export function sendRecord(request: StreamRequest): SendRecord {
  const messageId = request.messageId ?? randomId();
  try {
    return {
      message: request.message,
      messageId,
      context: request.context ? JSON.stringify(request.context) : undefined,
      rest: JSON.stringify(restOf(request)),
      headers: request.headers ? JSON.stringify(Object.fromEntries(new Headers(request.headers))) : undefined,
      turn: JSON.stringify(turnOf(request, messageId)),
    };
  } catch (error) {
    throw new RejoinError("INVALID_ARGUMENT", `request cannot be sent: ${String(error)}`, { cause: error });
  }
}

/** `JSON.stringify` leaves out what is not given. */
function restOf({ parts, metadata, body, trigger, replaces, toolOutputs, approvals }: StreamRequest): object {
  return {
    parts,
    metadata,
    body,
    trigger,
    replaces,
    tool_outputs: toolOutputs?.map(({ toolCallId, output, errorText }) => ({ tool_call_id: toolCallId, output, error_text: errorText })),
    approvals: approvals?.map(({ approvalId, approved, reason }) => ({ approval_id: approvalId, approved, reason })),
  };
}

function turnOf({ message, parts, metadata, trigger, replaces }: StreamRequest, messageId: string): Omit<SentTurn, "from"> {
  return {
    messageId,
    text: message,
    trigger: trigger ?? "submit",
    ...(parts && { parts }),
    ...(metadata !== undefined && { metadata }),
    ...(replaces !== undefined && { replaces }),
  };
}

/** Reads what `turnOf` wrote, perhaps in another tab, which may have written anything; `undefined` where it is no turn. */
export function readTurn(text: string, from: "here" | "tab"): SentTurn | undefined {
  try {
    const turn = JSON.parse(text) as Partial<SentTurn> | null;
    if (typeof turn?.text !== "string" || !(String(turn.trigger) in TRIGGERS)) return undefined;
    return { ...(turn as SentTurn), from };
  } catch {
    return undefined;
  }
}
