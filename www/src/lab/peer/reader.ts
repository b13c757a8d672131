// A plain reader of event streams, as most chats have one, with which `rejoin` is compared. It does what the usual TypeScript layer does:
// it ignores ids, takes the end of the body for the end of the answer, and sends again what has failed.

/** The retries of a plain reader. */
const RETRIES = 3;
const FIRST_PAUSE_MS = 1000;

export interface PlainListener {
  onText(text: string): void;
  onChunk(): void;
  onRetry(attempt: number): void;
}

export type PlainEnd = { readonly kind: "complete" } | { readonly kind: "failed"; readonly message: string };

/** Sends a message and reads its answer. `ask` makes the request, and makes it again after each failure. */
export async function readPlainly(ask: () => Promise<Response>, listener: PlainListener, signal: AbortSignal): Promise<PlainEnd> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await readOnce(await ask(), listener);
    } catch (error) {
      if (signal.aborted) return { kind: "complete" };
      if (attempt >= RETRIES) return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
      listener.onRetry(attempt + 1);
      await new Promise((done) => setTimeout(done, FIRST_PAUSE_MS * 2 ** attempt));
    }
  }
}

async function readOnce(response: Response, listener: PlainListener): Promise<PlainEnd> {
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { kind: "complete" };
    const lines = (buffer + value).split("\n");
    buffer = lines.pop() ?? "";
    for (const line of lines) {
      const end = take(line, listener);
      if (end) return end;
    }
  }
}

function take(line: string, listener: PlainListener): PlainEnd | null {
  if (!line.startsWith("data: ")) return null;
  const data = line.slice("data: ".length);
  if (data === "[DONE]") return { kind: "complete" };
  const chunk = parse(data);
  if (!chunk) return null;
  listener.onChunk();
  if (chunk.type === "text-delta") listener.onText(String(chunk.delta ?? ""));
  if (chunk.type === "text_chunk") listener.onText(String(chunk.content ?? ""));
  if (chunk.type === "finish" || chunk.type === "stream_end") return { kind: "complete" };
  if (chunk.type === "error") return { kind: "failed", message: String(chunk.errorText ?? chunk.message ?? "Stream error") };
  return null;
}

interface PlainChunk {
  readonly type?: unknown;
  readonly delta?: unknown;
  readonly content?: unknown;
  readonly errorText?: unknown;
  readonly message?: unknown;
}

function parse(data: string): PlainChunk | null {
  try {
    return JSON.parse(data) as PlainChunk | null;
  } catch {
    return null;
  }
}
