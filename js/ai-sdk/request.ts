/**
 * Turns a call of `sendMessages` into a request that loses nothing: what the person wrote, decided or wants to replace, and what the
 * call adds. Whatever cannot be sent is an error.
 */

import { RejoinError } from "../types/errors.js";
import type { ChatTransport, UIMessage } from "ai";
import type { Fields } from "./shapes.js";
import type { JSONObject, JSONValue, StreamRequest, ToolApprovalResponse, ToolOutput, UIMessagePart } from "../types/index.js";

/** The arguments of `sendMessages`: the chat's id, its messages, the reason of the call and its options. */
export type SendMessagesOptions<Message extends UIMessage = UIMessage> = Parameters<ChatTransport<Message>["sendMessages"]>[0];

/** What the transport knows of a chat beyond its messages. */
export interface Known {
  /** Returns the backend's id of a message of the chat. */
  nameOf(messageId: string): string;
  /** Whether the backend has the output of a tool call already. */
  hasOutput(toolCallId: string): boolean;
}

/** A request, and the message of the chat that the backend will know by the request's `messageId`. */
export interface Prepared {
  request: StreamRequest;
  renames?: string;
}

/**
 * Returns the request of a call.
 *
 * @throws {RejoinError} `INVALID_ARGUMENT` if the call has something that cannot be sent
 */
export function requestOf<Message extends UIMessage>(options: SendMessagesOptions<Message>, known: Known): Prepared {
  const { messages, messageId, trigger } = options;
  const message = (trigger === "submit-message" && messages.find(({ id }) => id === messageId)) || messages.at(-1);
  if (message?.role === "assistant" && trigger === "submit-message") return { request: { ...continuation(message, known), ...extras(options) } };
  if (message?.role !== "user") {
    throw new RejoinError("INVALID_ARGUMENT", "The last message is not the user's: say with `prepare` what to send.");
  }
  const content = contentOf(message, options);
  if (trigger === "regenerate-message") {
    return { request: { ...content, ...extras(options), trigger: "regenerate", replaces: known.nameOf(messageId ?? message.id) } };
  }
  if (messageId === undefined) return { request: { ...content, ...extras(options), ...(message.id && { messageId: message.id }) } };
  return { request: { ...content, ...extras(options), trigger: "edit", replaces: known.nameOf(messageId) }, renames: messageId };
}

/** A message of a single text is sent as its text alone. The call's metadata is stored with a message that has none. */
function contentOf(message: UIMessage, { metadata: given }: { metadata?: unknown }): Pick<StreamRequest, "message" | "parts" | "metadata"> {
  const { parts } = message;
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const [only] = parts;
  const isPlain = parts.length === 1 && only && Object.keys(only).every((name) => name === "type" || name === "text") && texts.length === 1;
  const metadata = message.metadata ?? given;
  if (message.metadata !== undefined && given !== undefined) throw unsendable("The call's `metadata`, beside that of the message,");
  return {
    message: texts.join("\n"),
    ...(!isPlain && { parts: parts as unknown as UIMessagePart[] }),
    ...(metadata !== undefined && { metadata: metadata as JSONValue }),
  };
}

function extras({ headers, body }: { headers?: HeadersInit | Record<string, string> | undefined; body?: object | undefined }): Pick<StreamRequest, "headers" | "body"> {
  return { ...(headers && { headers }), ...(body && { body: body as JSONObject }) };
}

/** The outputs and approvals that the page has added to an answer, with which the backend goes on. */
function continuation({ parts }: UIMessage, known: Known): StreamRequest {
  const calls = (parts as unknown as Fields[]).filter(({ toolCallId }) => typeof toolCallId === "string");
  const toolOutputs = calls.flatMap((call) => (known.hasOutput(String(call["toolCallId"])) ? [] : outputOf(call)));
  const approvals = calls.flatMap(approvalOf);
  if (toolOutputs.length === 0 && approvals.length === 0) throw unsendable("An answer without new outputs or approvals");
  return {
    message: "",
    trigger: "continue",
    ...(toolOutputs.length > 0 && { toolOutputs }),
    ...(approvals.length > 0 && { approvals }),
  };
}

function outputOf({ toolCallId, state, output, errorText, providerExecuted, preliminary }: Fields): ToolOutput[] {
  const id = String(toolCallId);
  if (providerExecuted === true || preliminary === true) return [];
  if (state === "output-error") return [{ toolCallId: id, errorText: String(errorText ?? "") }];
  return state === "output-available" ? [{ toolCallId: id, output: (output ?? null) as JSONValue }] : [];
}

function approvalOf({ state, approval }: Fields): ToolApprovalResponse[] {
  const { id, approved, reason } = (approval ?? {}) as Fields;
  if (state !== "approval-responded" || typeof id !== "string" || typeof approved !== "boolean") return [];
  return [{ approvalId: id, approved, ...(typeof reason === "string" && { reason }) }];
}

function unsendable(what: string): RejoinError {
  return new RejoinError("INVALID_ARGUMENT", `${what} cannot be sent: say with \`prepare\` what to send.`);
}
