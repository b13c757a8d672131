/** Turns what the person wrote into the parts of a message. */

import { defined } from "../../streams/defined.js";
import { RejoinError } from "../../types/errors.js";
import type { Entry } from "./outbox.js";
import type { ConversationInput, FileUIPart, StreamRequest, UIMessage, UIMessagePart } from "../../types/index.js";

/** A message that the person wrote. It becomes an entry when it gets its key. */
export type Draft<MESSAGE extends UIMessage> = (key: string, replaces?: string, order?: number) => Entry<MESSAGE>;

/**
 * Returns the draft of an input.
 *
 * @throws {RejoinError} `INVALID_ARGUMENT` if it has neither text nor parts nor files, or one of the wrong type
 */
export function draftOf<MESSAGE extends UIMessage>(input: string | ConversationInput): Draft<MESSAGE> {
  const given = typeof input === "string" ? { text: input } : input;
  const { text, parts, files, metadata, context, body } = given ?? {};
  // What else has the wrong type is refused by the client.
  if (typeof (text ?? "") !== "string" || !Array.isArray(parts ?? [])) throw invalid("text should be a string and parts an array.");
  const content = [...(text ? [{ type: "text" as const, text }] : []), ...(parts ?? [])];
  const unread = Array.from(files ?? []);
  if (content.length + unread.length === 0) throw invalid("There is nothing to send: no text, parts or files.");
  const extras = defined({ context, body });
  return (key, replaces, order = 0) => {
    const message = questionOf<MESSAGE>(key, content, metadata);
    return { key, messageId: key, message, delivery: "queued", files: unread, extras, replaces, order };
  };
}

/** Creates a message of the user. */
export function questionOf<MESSAGE extends UIMessage>(id: string, parts: readonly UIMessagePart[], metadata: unknown): MESSAGE {
  return defined({ id, role: "user", parts, metadata }) as unknown as MESSAGE;
}

/**
 * Reads files into parts with data URLs.
 *
 * @throws {RejoinError} `FILE_UNREADABLE`
 */
export async function fileParts(files: readonly File[]): Promise<FileUIPart[]> {
  try {
    return await Promise.all(files.map(filePart));
  } catch (cause) {
    throw new RejoinError("FILE_UNREADABLE", "A file could not be read.", { cause, retryable: true });
  }
}

/** Returns what a message of the user adds to a request. A message of one text is sent as `message` alone. */
export function requestOf({ parts, metadata }: UIMessage): Pick<StreamRequest, "message" | "parts" | "metadata"> {
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const isPlain = parts.length === 1 && texts.length === 1;
  return defined({ message: texts.join("\n"), parts: isPlain ? undefined : parts, metadata: metadata as StreamRequest["metadata"] });
}

async function filePart(file: File): Promise<FileUIPart> {
  const mediaType = file.type || "application/octet-stream";
  const url = `data:${mediaType};base64,${base64(new Uint8Array(await file.arrayBuffer()))}`;
  return defined({ type: "file" as const, mediaType, filename: file.name || undefined, url });
}

/** The number of bytes that are converted at once: a call takes only so many arguments. */
const SLICE = 0x8000;

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += SLICE) binary += String.fromCharCode(...bytes.subarray(at, at + SLICE));
  return btoa(binary);
}

function invalid(sentence: string): RejoinError {
  return new RejoinError("INVALID_ARGUMENT", sentence);
}
