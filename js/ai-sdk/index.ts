/**
 * A transport for the AI SDK's `useChat`, which sees one stream per answer, whatever happens to the connections.
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

/** The arguments of `sendMessages`: the chat's id, its messages, the reason of the call and its options. */
export type SendMessagesOptions<Message extends UIMessage = UIMessage> = Parameters<ChatTransport<Message>["sendMessages"]>[0];

/** The arguments of `reconnectToStream`. */
export type ReconnectToStreamOptions<Message extends UIMessage = UIMessage> = Parameters<
  ChatTransport<Message>["reconnectToStream"]
>[0];

/** The options of `RejoinChatTransport`. */
export interface RejoinChatTransportOptions<Message extends UIMessage = UIMessage> {
  /** The client. The transport never closes it. */
  streams: ChatStreams;
  /**
   * Creates the request from the arguments of `sendMessages`. By default it is the text of the last message, which has to be the
   * user's. A request without a `messageId` gets the id of that message, or a new id if an answer is to be generated again.
   */
  prepare?: (options: SendMessagesOptions<Message>) => string | StreamRequest | Promise<string | StreamRequest>;
  /**
   * The major of the package `ai`; any of its minors will do. With a target, chunks that the major does not know become data
   * parts such as `data-custom`. Without one, the chunks are those of 7, and 5 and 6 ignore what they do not know. With target 7
   * and `ai` 7.0.70 or later, an answer that starts over differently replaces what is shown of its first step.
   */
  target?: 5 | 6 | 7;
}

/**
 * A `ChatTransport` for `ai` 5, 6 and 7. The id of a chat is the id of its session.
 *
 * The `stop()` of `useChat` detaches this tab from the answer, and the task goes on. `transport.stop(chatId)` cancels the task
 * on the backend. `useChat` receives failures as `RejoinError`s with their codes.
 */
export class RejoinChatTransport<Message extends UIMessage = UIMessage> implements ChatTransport<Message> {
  /** Tells the AI SDK that a resumed answer comes from its beginning, so that it builds the message again. */
  readonly resumeStreamIsReplay = true;
  readonly #options: RejoinChatTransportOptions<Message>;
  /** The answers that are being read, by chat id. */
  readonly #answers = new Map<string, Set<Answer>>();

  constructor(options: RejoinChatTransportOptions<Message>) {
    checkOptions(options);
    this.#options = options;
  }

  /**
   * Sends the last message. Resolves with its answer once the backend has accepted the message.
   *
   * @throws {RejoinError} if there is no answer, with the code of the failure; an `AbortError` after `abortSignal`
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
   * Resolves with the answer that the session's task is writing, from its beginning, or with null if there is none.
   *
   * @throws {RejoinError} if that cannot be found out, with the code of the failure; an `AbortError` after `abortSignal`
   */
  async reconnectToStream(options: ReconnectToStreamOptions<Message>): Promise<ReadableStream<UIMessageChunk> | null> {
    const { chatId, abortSignal } = options;
    abortSignal?.throwIfAborted();
    return this.#read(chatId, abortSignal, [], (listener) => this.#options.streams.resumeSession(chatId, listener));
  }

  /** Cancels the chat's task on the backend. `useChat` is ready again, and no tab resumes the answer. */
  stop(chatId: string): Promise<void> {
    return this.#options.streams.stopStream(chatId);
  }

  /** Opens a stream of the client and resolves once it is known whether there is an answer. */
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
      onDetach: () => {
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

/** Returns the text that is sent by default. */
function textOf(message: UIMessage | undefined): string {
  if (message?.role !== "user") {
    throw new RejoinError("INVALID_ARGUMENT", "The last message is not the user's: say with `prepare` what to send.");
  }
  return message.parts.map((part) => (part.type === "text" ? part.text : "")).filter(Boolean).join("\n");
}

/**
 * Returns the id of the user message, by which the backend recognises a repeat. Returns undefined for a regeneration and for an
 * edited message, which `useChat` names: they are no repeats, so the client creates a new id.
 */
function sentId({ trigger, messageId, messages }: SendMessagesOptions): string | undefined {
  const last = messages.at(-1);
  const isRepeat = trigger === "regenerate-message" || messageId !== undefined;
  return isRepeat || last?.role !== "user" ? undefined : last.id || undefined;
}

/** Returns the tool calls of an assistant message that the answer continues. */
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
