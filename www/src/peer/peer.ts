// The other side of the comparison: asks the same question in a session of its own, and reads the answer plainly.
import type { Api } from "../api";
import type { Recorder } from "../lab/recorder";
import { Store } from "../store";
import { readPlainly } from "./reader";

export interface PeerAnswer {
  readonly question: string;
  /** Its own session; null until the backend has made it. */
  readonly sessionId: string | null;
  readonly text: string;
  /** What a person is told, true or not. */
  readonly claim: "writing" | "retrying" | "complete" | "failed";
  readonly message?: string;
  /** How often the message was sent. */
  readonly posts: number;
}

const HIDDEN = "rejoin_demo_peer_sessions";
const MOST_HIDDEN = 200;
/** ms between two renderings: the comparison is about what is shown, not about how often. */
const FLUSH_MS = 33;

export class Peer {
  readonly #answers = new Map<string, Store<PeerAnswer | null>>();
  readonly #running = new Map<string, AbortController>();
  readonly #hidden = new Set<string>(readHidden());

  constructor(
    private readonly baseUrl: string,
    private readonly api: Api,
    private readonly network: typeof fetch,
    private readonly recorder: Recorder,
  ) {}

  /** The plain answer beside the chat with this id. */
  answer(chatId: string): Store<PeerAnswer | null> {
    const known = this.#answers.get(chatId);
    if (known) return known;
    const made = new Store<PeerAnswer | null>(null);
    this.#answers.set(chatId, made);
    return made;
  }

  /** Whether a session is one of the plain reader, and no chat of the person's. */
  owns(sessionId: string): boolean {
    return this.#hidden.has(sessionId);
  }

  async ask(chatId: string, question: string): Promise<void> {
    this.stop(chatId);
    const stopped = new AbortController();
    this.#running.set(chatId, stopped);
    const answer = this.answer(chatId);
    answer.set({ question, sessionId: null, text: "", claim: "writing", posts: 0 });
    const change = (part: (known: PeerAnswer) => Partial<PeerAnswer>) => {
      if (!stopped.signal.aborted) answer.update((known) => known && { ...known, ...part(known) });
    };
    try {
      const sessionId = await this.#session();
      change(() => ({ sessionId }));
      const end = await this.#read(sessionId, question, stopped.signal, change);
      change(() => (end.kind === "failed" ? { claim: "failed", message: end.message } : { claim: "complete" }));
    } catch (error) {
      change(() => ({ claim: "failed", message: error instanceof Error ? error.message : String(error) }));
    }
  }

  /** As a plain reader stops: it closes its connection, and the backend goes on. */
  stop(chatId: string): void {
    this.#running.get(chatId)?.abort();
    this.#running.delete(chatId);
    this.answer(chatId).update((known) => known && (known.claim === "writing" || known.claim === "retrying") ? { ...known, claim: "complete" } : known);
  }

  async #session(): Promise<string> {
    const { id } = await this.api.createSession();
    this.#hidden.add(id);
    try {
      localStorage.setItem(HIDDEN, JSON.stringify([...this.#hidden].slice(-MOST_HIDDEN)));
    } catch {
      // Without storage they are hidden until the page goes.
    }
    return id;
  }

  #read(sessionId: string, question: string, signal: AbortSignal, change: (part: (known: PeerAnswer) => Partial<PeerAnswer>) => void) {
    const trace = this.recorder.begin("peer", sessionId);
    let unshown = "";
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      clearTimeout(timer);
      timer = undefined;
      const text = unshown;
      unshown = "";
      change((known) => ({ text: known.text + text }));
    };
    const ask = () => {
      change(({ posts }) => ({ posts: posts + 1, claim: "writing" }));
      return this.network(`${this.baseUrl}/sessions/${encodeURIComponent(sessionId)}/stream`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "text/event-stream" },
        body: JSON.stringify({ message: question, is_user_message: true, context: null }),
        signal,
      });
    };
    return readPlainly(
      ask,
      {
        onText: (text) => {
          unshown += text;
          timer ??= setTimeout(flush, FLUSH_MS);
        },
        onChunk: () => {
          trace.chunks(1);
          this.recorder.changed();
        },
        onRetry: () => change(() => ({ claim: "retrying" })),
      },
      signal,
    ).finally(flush);
  }
}

function readHidden(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(HIDDEN) ?? "[]");
    return Array.isArray(kept) ? kept.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}
