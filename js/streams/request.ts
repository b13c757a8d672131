/** Converts a message for the core, which takes the members that it does not interpret as JSON text (PROTOCOL §1). */

import { randomId } from "./random-id.js";
import { Author, Trigger } from "../loader/generated.js";
import { RejoinError } from "../types/errors.js";
import type { SentTurn, StreamRequest } from "../types/index.js";

/** The texts of a message, which `Engine.start` reads. */
export interface SendRecord {
  readonly message: string;
  readonly messageId: string;
  readonly context: string | undefined;
  /** The further members of the body, as a JSON object. */
  readonly rest: string;
  /** The headers of this send alone, as a JSON object. */
  readonly headers: string | undefined;
  /** The argument of `onTurn` without `from`. */
  readonly turn: string;
}

const TRIGGERS = { submit: Trigger.Submit, regenerate: Trigger.Regenerate, edit: Trigger.Edit, continue: Trigger.Continue };

/** Returns who wrote a message. */
export function authorOf({ isUserMessage }: StreamRequest): Author {
  return isUserMessage === false ? Author.Assistant : Author.User;
}

/** Returns the trigger of a message. */
export function triggerOf({ trigger }: StreamRequest): Trigger {
  return TRIGGERS[trigger ?? "submit"];
}

/**
 * Returns the texts of a message.
 *
 * @throws {RejoinError} `INVALID_ARGUMENT` if a member cannot be written as JSON, or `headers` are not valid
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

/** Returns the further members of the body. `JSON.stringify` leaves out those that are undefined. */
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

/** The argument of `onTurn` without `from`. `JSON.stringify` leaves out the members that are undefined. */
type TurnRecord = { readonly [Name in keyof Omit<SentTurn, "from">]: SentTurn[Name] | undefined };

function turnOf({ message, parts, metadata, trigger, replaces }: StreamRequest, messageId: string): TurnRecord {
  return {
    messageId,
    text: message,
    trigger: trigger ?? "submit",
    parts: parts ?? undefined,
    metadata,
    replaces,
  };
}

/** Reads the text of a turn. Another tab may have written anything: the result is undefined if it is not a turn. */
export function readTurn(text: string, from: "here" | "tab"): SentTurn | undefined {
  try {
    const turn = JSON.parse(text) as Partial<SentTurn> | null;
    if (typeof turn?.text !== "string" || !(String(turn.trigger) in TRIGGERS)) return undefined;
    return { ...(turn as SentTurn), from };
  } catch {
    return undefined;
  }
}
