// Opens a stream, reads it to its end, and tries again after a failure.

import type { ActiveStream, StreamChunk, VercelStreamChunk } from "./chat-types";
import { INITIAL_RETRY_DELAY, MAX_RETRIES, normalizeStreamChunk, parseSSELine } from "./stream-utils";

interface Target {
  url: string;
  init: RequestInit;
  /** Whether another request cannot succeed. */
  isPermanent: (status: number) => boolean;
}

export function executeStream(
  stream: ActiveStream,
  message: string,
  isUserMessage: boolean,
  context: { url: string; content: string } | undefined,
): Promise<void> {
  const body = JSON.stringify({ message, is_user_message: isUserMessage, context: context ?? null });
  const headers = { "Content-Type": "application/json", Accept: "text/event-stream" };
  return execute(stream, {
    url: `/api/chat/sessions/${stream.sessionId}/stream`,
    init: { method: "POST", headers, body },
    isPermanent: () => false,
  });
}

export function executeTaskReconnect(stream: ActiveStream, taskId: string, lastMessageId: string): Promise<void> {
  return execute(stream, {
    url: `/api/chat/tasks/${taskId}/stream?last_message_id=${encodeURIComponent(lastMessageId)}`,
    init: { headers: { Accept: "text/event-stream" } },
    isPermanent: (status) => status === 404 || status === 403,
  });
}

class PermanentError extends Error {}

async function execute(stream: ActiveStream, target: Target, attempt = 0): Promise<void> {
  try {
    await readStream(stream, await open(stream, target));
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error("The stream failed");
    if (error.name === "AbortError") return end(stream);
    if (attempt < MAX_RETRIES && !(error instanceof PermanentError)) {
      await new Promise((done) => setTimeout(done, INITIAL_RETRY_DELAY * 2 ** attempt));
      return execute(stream, target, attempt + 1);
    }
    stream.status = "error";
    stream.error = error;
    notify(stream, { type: "error", message: error.message });
  }
}

async function open(stream: ActiveStream, { url, init, isPermanent }: Target): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(url, { ...init, signal: stream.abortController.signal });
  if (!response.ok) {
    const text = (await response.text()) || `HTTP ${response.status}`;
    throw isPermanent(response.status) ? new PermanentError(text) : new Error(text);
  }
  if (!response.body) throw new Error("The response has no body");
  return response.body;
}

async function readStream(stream: ActiveStream, body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return end(stream);
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (takeLine(stream, line)) return;
    }
  }
}

/** Handles one line. Returns whether it ended the stream. */
function takeLine(stream: ActiveStream, line: string): boolean {
  const data = parseSSELine(line);
  if (data === null) return false;
  if (data === "[DONE]") {
    end(stream);
    return true;
  }
  const chunk = parsed(data);
  if (!chunk) return false;
  notify(stream, chunk);
  if (chunk.type === "stream_end") stream.status = "completed";
  if (chunk.type === "error") {
    stream.status = "error";
    stream.error = new Error(chunk.message ?? chunk.content ?? "The stream failed");
  }
  return stream.status !== "streaming";
}

function parsed(data: string): StreamChunk | null {
  try {
    return normalizeStreamChunk(JSON.parse(data) as StreamChunk | VercelStreamChunk);
  } catch (error) {
    console.warn("A chunk was not understood:", error);
    return null;
  }
}

function end(stream: ActiveStream): void {
  notify(stream, { type: "stream_end" });
  stream.status = "completed";
}

function notify(stream: ActiveStream, chunk: StreamChunk): void {
  stream.chunks.push(chunk);
  for (const listener of stream.listeners) {
    try {
      listener(chunk);
    } catch (error) {
      console.warn("A listener failed:", error);
    }
  }
}
