/** HTTP requests: headers of the app, `fetch`, and the body as it comes. */

import type { ChatStreamsOptions, HeadersReason } from "../../types/index.js";
import { quietly } from "./hostile.js";
import { News } from "./news.js";
import { pump } from "../pump.js";
import type { Tell } from "./news.js";

/** The most of a body that is read where an event stream was asked for and something else came (an error, a login page). */
const LONGEST_ANSWER = 64 << 10;

/** What the core asks for. */
export interface Question {
  /** Its name in every answer. */
  readonly attempt: number;
  readonly method: string;
  /** Below the base URL, beginning with a slash. */
  readonly path: string;
  readonly body: string | undefined;
  /** What to ask headers for. */
  readonly why: HeadersReason;
  /** Whether an event stream is what a good answer is. */
  readonly expectsStream: boolean;
}

/** Where answers go. */
export interface Answers {
  readonly tell: Tell;
  /** Takes bytes of a body that is streamed. */
  readonly take: (attempt: number, bytes: Uint8Array) => void;
}

let reason: DOMException | undefined;

/** Lets go of a connection. By one reason for all of them: a new one is made with the stack of where that was. */
function abort(controller: AbortController | undefined): void {
  reason ??= quietly(() => new DOMException("The request is not needed any more.", "AbortError"));
  controller?.abort(reason);
}

/** A failure before there was an answer. */
class Failure {
  readonly news: News;
  readonly why: string;

  constructor(news: News, why: string) {
    this.news = news;
    this.why = why;
  }
}

/** The requests under way. */
export class Exchanges {
  readonly #options: ChatStreamsOptions;
  readonly #answers: Answers;
  readonly #open = new Map<number, AbortController | undefined>();

  constructor(options: ChatStreamsOptions, answers: Answers) {
    this.#options = options;
    this.#answers = answers;
  }

  /** Starts a request. How it goes is told under its attempt, never from within this call. */
  async start(question: Question): Promise<void> {
    const { attempt } = question;
    const controller = quietly(() => new AbortController());
    this.#open.set(attempt, controller);
    await undefined;
    try {
      await this.#run(question, controller);
    } catch (error) {
      const { news, why } = error instanceof Failure ? error : new Failure(News.NetworkFailed, message(error));
      if (this.#end(attempt)) this.#answers.tell(news, attempt, why);
      else abort(controller);
      return;
    }
    // Nobody waits for it any more: the connection is not kept for a body that nobody reads.
    abort(controller);
  }

  /** Gives up a request; nothing more is heard of it. */
  abort(attempt: number): void {
    const controller = this.#open.get(attempt);
    this.#open.delete(attempt);
    abort(controller);
  }

  /** Lets go of all of them. A message that is on its way is not called back: it gives itself up when it is answered. */
  forget(): void {
    this.#open.clear();
  }

  async #run(question: Question, controller: AbortController | undefined): Promise<void> {
    const { attempt, expectsStream } = question;
    const { tell, take } = this.#answers;
    const response = await this.#ask(question, controller);
    if (!response || !this.#isOpen(attempt)) return;
    const head = headOf(response);
    if (expectsStream && tell(News.Opened, attempt, head)) {
      if (!this.#isOpen(attempt)) return;
      await read(response, (bytes) => {
        if (this.#isOpen(attempt)) take(attempt, bytes);
        return this.#isOpen(attempt);
      });
      if (this.#end(attempt)) tell(News.Ended, attempt);
    } else {
      const body = await collect(response, expectsStream ? LONGEST_ANSWER : Infinity);
      if (this.#end(attempt)) tell(News.Answered, attempt, head, body);
    }
  }

  /** Gives nothing where nobody waits any more before it is asked. */
  async #ask(question: Question, controller: AbortController | undefined): Promise<Response | undefined> {
    const { fetch: custom, baseUrl, credentials } = this.#options;
    const { attempt, method, path, body } = question;
    if (!this.#isOpen(attempt)) return undefined;
    const url = (baseUrl ?? "/api/chat").replace(/\/+$/, "") + path;
    if (!custom) checkUrl(url);
    const headers = await this.#headers(question);
    if (!this.#isOpen(attempt)) return undefined;
    // What a cache holds of a stream or of a session is the past.
    const init: RequestInit = { method, headers, cache: "no-store", signal: controller?.signal ?? null };
    if (body !== undefined) init.body = body;
    if (credentials) init.credentials = credentials;
    return checked(await (custom ? custom(url, init) : fetch(url, init)));
  }

  /** Ours first, so that the app's may replace them. */
  async #headers({ expectsStream, body, why }: Question): Promise<Headers> {
    const { headers: given } = this.#options;
    try {
      const headers = new Headers({ accept: expectsStream ? "text/event-stream" : "application/json" });
      if (body !== undefined) headers.set("content-type", "application/json");
      for (const [name, value] of new Headers((typeof given === "function" ? await given(why) : given) || {})) headers.set(name, value);
      return headers;
    } catch (error) {
      throw new Failure(News.HeadersFailed, message(error));
    }
  }

  #isOpen(attempt: number): boolean {
    return this.#open.has(attempt);
  }

  #end(attempt: number): boolean {
    return this.#open.delete(attempt);
  }
}

/** An app's `fetch` may give anything; what is not shaped like a response would throw later. */
function checked(given: Response): Response {
  const isResponse = quietly(() => typeof given.headers.get === "function" && typeof given.status === "number");
  if (isResponse) return given;
  throw new Failure(News.NetworkFailed, "The app's fetch gave something else than a Response.");
}

/** Status and headers, a line each: mirrors `head` in src/browser/news.rs. */
function headOf({ status, headers, redirected }: Response): string {
  const names = ["content-type", "x-task-id", "retry-after", "date"];
  return [status & 0xffff, redirected ? 1 : "", ...names.map((name) => quietly(() => headers.get(name)) ?? "")].join("\n");
}

async function collect(response: Response, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  await read(response, (bytes) => {
    parts.push(bytes.slice());
    length += bytes.length;
    return length < limit;
  });
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body.subarray(0, limit);
}

async function read({ body }: Response, take: (bytes: Uint8Array) => boolean): Promise<void> {
  if (typeof body === "object" && body) await pump(body, take);
}

/** `fetch` rejects a bad URL with the same `TypeError` as a network that is down; only one of them is worth a retry. */
function checkUrl(url: string): void {
  const { protocol, username } = quietly(() => new URL(url, baseUri())) ?? {};
  if ((protocol === "http:" || protocol === "https:") && !username) return;
  throw new Failure(News.UrlInvalid, `${url} is no URL that can be fetched from here: set baseUrl.`);
}

function baseUri(): string | undefined {
  if (typeof document === "object" && document) return document.baseURI;
  return typeof location === "object" ? location?.href : undefined;
}

/** What a thrown value says of itself, without running code of it that may throw. */
function message(error: unknown): string {
  const said = quietly(() => (error as Error).message);
  if (typeof said === "string") return said;
  return typeof error === "string" ? error : "It failed without saying why.";
}
