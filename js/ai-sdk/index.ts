/**
 * A transport for the AI SDK's `useChat`: one stream per answer, whatever happens to the connections below it.
 *
 * @packageDocumentation
 */

import { Answer } from "./answer.js";
import { ChunkWriter } from "./chunks.js";
import { RejoinError } from "../types/errors.js";
import type { ChatTransport, UIMessage, UIMessageChunk } from "ai";
import type { KnownCall } from "./chunks.js";
import type { Fields } from "./shapes.js";
import type { ChatStreams, StreamListener, StreamOutcome, StreamRequest } from "../types/index.js";

/** What `useChat` sends: the chat's id, its messages, why, and the options of the call. */
export type SendMessagesOptions<Message extends UIMessage = UIMessage> = Parameters<ChatTransport<Message>["sendMessages"]>[0];

/** For what `useChat` asks when it resumes. */
export type ReconnectToStreamOptions<Message extends UIMessage = UIMessage> = Parameters<
  ChatTransport<Message>["reconnectToStream"]
>[0];

/** Options of `RejoinChatTransport`. */
export interface RejoinChatTransportOptions<Message extends UIMessage = UIMessage> {
  /** The client whose streams are shown. It stays the app's: the transport never closes it. */
  streams: ChatStreams;
  /**
   * Makes the request out of what `useChat` sends. Not given: the text of the last message, which has to be the user's.
   * A request without a `messageId` gets that of the user message, or a fresh one where an answer is asked for anew.
   */
  prepare?: (options: SendMessagesOptions<Message>) => string | StreamRequest | Promise<string | StreamRequest>;
  /**
   * The major of the package `ai`, from its first minor on. Not given: chunks that 5, 6 and 7 all get through, in the words
   * of 7; what an older one does not know it passes over. Given: what this major does not know becomes data parts
   * (`data-custom`), and with 7, from 7.0.70 on, another answer of the same step takes back what was shown.
   */
  target?: 5 | 6 | 7;
}

/**
 * A `ChatTransport` for `ai` 5, 6 and 7. The chat's id is the session's.
 *
 * `useChat`'s `stop()` lets go of the answer in this tab, and the task goes on; `transport.stop(chatId)` cancels it on
 * the server. A failure reaches `useChat` as the `RejoinError` that it is, with its `code`.
 */
export class RejoinChatTransport<Message extends UIMessage = UIMessage> implements ChatTransport<Message> {
  /** Told to the AI SDK: a resumed answer comes from its beginning, so what is shown of it is built anew. */
  readonly resumeStreamIsReplay = true;
  readonly #options: RejoinChatTransportOptions<Message>;
  /** Answers that are being read, by chat. */
  readonly #answers = new Map<string, Set<Answer>>();

  constructor(options: RejoinChatTransportOptions<Message>) {
    checkOptions(options);
    this.#options = options;
  }

  /**
   * Sends the last message and gives its answer, once the server has taken it.
   *
   * @throws {RejoinError} With the code of the failure, where there is no answer; an `AbortError` after `abortSignal`
   */
  async sendMessages(options: SendMessagesOptions<Message>): Promise<ReadableStream<UIMessageChunk>> {
    const { chatId, messages, abortSignal } = options;
    abortSignal?.throwIfAborted();
    const request = await this.#request(options);
    abortSignal?.throwIfAborted();
    const stream = await this.#read(chatId, abortSignal, callsOf(messages.at(-1)), (listener) =>
      this.#options.streams.startStream(chatId, request, listener),
    );
    if (!stream) throw new RejoinError("NO_ANSWER", "The answer had ended, and its stream is gone: load the session's messages.");
    return stream;
  }

  /**
   * Gives the answer that the session's task is writing, from its beginning; null where none is.
   *
   * @throws {RejoinError} With the code of the failure, where it can't be had; an `AbortError` after `abortSignal`
   */
  async reconnectToStream(options: ReconnectToStreamOptions<Message>): Promise<ReadableStream<UIMessageChunk> | null> {
    const { chatId, abortSignal } = options;
    abortSignal?.throwIfAborted();
    return this.#read(chatId, abortSignal, [], (listener) => this.#options.streams.resumeSession(chatId, listener));
  }

  /** Cancels the chat's task on the server: `useChat` is ready again, and no tab resumes the answer. */
  stop(chatId: string): Promise<void> {
    return this.#options.streams.stopStream(chatId);
  }

  /** Resolves when it is known whether there is an answer. */
  async #read(
    chatId: string,
    signal: AbortSignal | undefined,
    known: readonly KnownCall[],
    open: (listener: StreamListener) => Promise<StreamOutcome | null>,
  ): Promise<ReadableStream<UIMessageChunk> | null> {
    const answers = this.#answersOf(chatId);
    const answer: Answer = new Answer(new ChunkWriter(this.#options.target, known), {
      canTakeBack: this.#options.target === 7 && known.length === 0,
      signal,
      letGo: () => {
        answers.delete(answer);
        if (answers.size === 0) this.#options.streams.detachStream(chatId);
      },
    });
    answers.add(answer);
    open(answer.listener).then(
      (outcome) => {
        answers.delete(answer);
        answer.end(outcome);
      },
      (error: unknown) => {
        answers.delete(answer);
        answer.fail(error);
      },
    );
    return (await answer.hasBegun) ? (answer.stream as ReadableStream<UIMessageChunk>) : null;
  }

  #answersOf(chatId: string): Set<Answer> {
    let answers = this.#answers.get(chatId);
    if (!answers) this.#answers.set(chatId, (answers = new Set()));
    return answers;
  }

  async #request(options: SendMessagesOptions<Message>): Promise<StreamRequest> {
    const { prepare } = this.#options;
    const made = prepare ? await prepare(options) : { message: textOf(options.messages.at(-1)) };
    const request = typeof made === "string" ? { message: made } : made;
    const messageId = request.messageId ?? sentId(options);
    return messageId === undefined ? request : { ...request, messageId };
  }
}

function checkOptions(options: unknown): void {
  const { streams, prepare, target } = (options ?? {}) as Fields;
  const isClient = typeof (streams as Partial<ChatStreams> | undefined)?.startStream === "function";
  if (!isClient) throw new RejoinError("INVALID_ARGUMENT", "options.streams should be what createChatStreams() gives.");
  if (prepare != null && typeof prepare !== "function") {
    throw new RejoinError("INVALID_ARGUMENT", "options.prepare should be a function.");
  }
  if (target != null && target !== 5 && target !== 6 && target !== 7) {
    throw new RejoinError("INVALID_ARGUMENT", "options.target should be 5, 6 or 7.");
  }
}

/** The text that is sent where the app does not say what. */
function textOf(message: UIMessage | undefined): string {
  if (message?.role !== "user") {
    throw new RejoinError("INVALID_ARGUMENT", "The last message is not the user's: say with `prepare` what to send.");
  }
  return message.parts.map((part) => (part.type === "text" ? part.text : "")).filter(Boolean).join("\n");
}

/**
 * The id of the user message, by which a repeat is known. An answer that is asked for anew, or for a message that was
 * edited (`useChat` then names it), is no repeat: undefined, and the client makes a fresh one.
 */
function sentId({ trigger, messageId, messages }: SendMessagesOptions): string | undefined {
  const last = messages.at(-1);
  const isRepeat = trigger === "regenerate-message" || messageId !== undefined;
  return isRepeat || last?.role !== "user" ? undefined : last.id || undefined;
}

/** The tool calls of a message of the assistant, with which its answer goes on. */
function callsOf(message: UIMessage | undefined): KnownCall[] {
  if (message?.role !== "assistant") return [];
  return (message.parts as unknown as Fields[])
    .filter((part) => typeof part["toolCallId"] === "string")
    .map((part) => ({
      id: part["toolCallId"] as string,
      isDynamic: part["type"] === "dynamic-tool",
      approvalId: (part["approval"] as { id?: string } | undefined)?.id,
    }));
}
