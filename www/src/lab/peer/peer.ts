// Asks the same question in a session of its own, for the comparison. A plain reader reads the answer here; `useChat`
// reads it in the pane, because it is a hook.
import type { JSONValue } from "rejoin";
import type { Api } from "../../api";
import type { Recorder } from "../network/recorder";
import { Store } from "../../store";
import { readPlainly } from "./reader";

/** The other reader: a loop around `fetch`, or `useChat` with its own transport. */
export type PeerKind = "plain" | "useChat";

export interface Question {
  readonly text: string;
  readonly metadata?: JSONValue | undefined;
}

export interface PeerAnswer {
  readonly by: PeerKind;
  readonly question: Question;
  /** Its own session; null until the backend has made it. */
  readonly sessionId: string | null;
  readonly text: string;
  /** What the reader claims, true or not. */
  readonly claim: "writing" | "retrying" | "complete" | "failed";
  readonly message?: string;
  /** The number of times that the message was sent. */
  readonly posts: number;
}

const HIDDEN = "rejoin_demo_peer_sessions";
const MOST_HIDDEN = 200;
/** ms between two renderings: the comparison is about what is shown, not about how often. */
const FLUSH_MS = 33;

export class Peer {
  readonly kind = new Store<PeerKind>("plain");
  readonly #answers = new Map<string, Store<PeerAnswer | null>>();
  readonly #running = new Map<string, AbortController>();
  /** The sessions whose question `useChat` has sent. */
  readonly #taken = new Set<string>();
  readonly #hidden = new Set<string>(readHidden());

  constructor(
    readonly baseUrl: string,
    private readonly api: Api,
    readonly network: typeof fetch,
    readonly recorder: Recorder,
  ) {}

  /** The plain answer beside the chat with this id. */
  answer(chatId: string): Store<PeerAnswer | null> {
    const known = this.#answers.get(chatId);
    if (known) return known;
    const made = new Store<PeerAnswer | null>(null);
    this.#answers.set(chatId, made);
    return made;
  }

  /** Returns whether a session belongs to the plain reader and is not one of the person's chats. */
  owns(sessionId: string): boolean {
    return this.#hidden.has(sessionId);
  }

  async ask(chatId: string, question: Question): Promise<void> {
    this.stop(chatId);
    const stopped = new AbortController();
    this.#running.set(chatId, stopped);
    const answer = this.answer(chatId);
    const by = this.kind.get();
    answer.set({ by, question, sessionId: null, text: "", claim: "writing", posts: 0 });
    const change = (part: (known: PeerAnswer) => Partial<PeerAnswer>) => {
      if (!stopped.signal.aborted) answer.update((known) => known && { ...known, ...part(known) });
    };
    try {
      const sessionId = await this.#session();
      change(() => ({ sessionId }));
      if (by === "useChat") return;
      const end = await this.#read(sessionId, question, stopped.signal, change);
      change(() => (end.kind === "failed" ? { claim: "failed", message: end.message } : { claim: "complete" }));
    } catch (error) {
      change(() => ({ claim: "failed", message: error instanceof Error ? error.message : String(error) }));
    }
  }

  /** The question that `useChat` has to send for this chat, once. */
  takeQuestion(chatId: string): Question | null {
    const answer = this.answer(chatId).get();
    if (!answer?.sessionId || this.#taken.has(answer.sessionId)) return null;
    this.#taken.add(answer.sessionId);
    return answer.question;
  }

  /** Calls a function when the answer for this chat is stopped. Returns a function that ends this. */
  onStop(chatId: string, stop: () => void): () => void {
    const signal = this.#running.get(chatId)?.signal;
    signal?.addEventListener("abort", stop);
    return () => signal?.removeEventListener("abort", stop);
  }

  /** Stops as a plain reader does: it closes its connection, and the backend goes on. */
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

  #read(sessionId: string, { text, metadata }: Question, signal: AbortSignal, change: (part: (known: PeerAnswer) => Partial<PeerAnswer>) => void) {
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
        body: JSON.stringify({ message: text, is_user_message: true, context: null, metadata }),
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
