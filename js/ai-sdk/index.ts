/**
 * A transport for the AI SDK's `useChat`, which sees one stream per answer, whatever happens to the connections.
 *
 * @packageDocumentation
 */

import { Answer } from "./answer.js";
import { ChunkWriter } from "./chunks.js";
import { requestOf } from "./request.js";
import { randomId } from "../streams/random-id.js";
import { nextTask } from "../streams/task.js";
import { isInterim } from "../message/tool-result.js";
import { RejoinError } from "../types/errors.js";
import type { ChatTransport, UIMessage, UIMessageChunk } from "ai";
import type { Continued, KnownCall } from "./chunks.js";
import type { Prepared, SendMessagesOptions } from "./request.js";
import type { Fields } from "./shapes.js";
import type { ChatStreams, StreamChunk, StreamListener, StreamOutcome, StreamRequest } from "../types/index.js";

export type { SendMessagesOptions } from "./request.js";

/** The arguments of `reconnectToStream`. */
export type ReconnectToStreamOptions<Message extends UIMessage = UIMessage> = Parameters<
  ChatTransport<Message>["reconnectToStream"]
>[0];

/** The options of `RejoinChatTransport`. */
export interface RejoinChatTransportOptions<Message extends UIMessage = UIMessage> {
  /** The client. The transport never closes it. */
  streams: ChatStreams;
  /**
   * Creates the request from the arguments of `sendMessages`. By default the message's parts and metadata, the call's headers and
   * body, what is replaced, and the outputs and approvals of an answer are sent; what cannot be sent is an error. A request for a
   * new message without a `messageId` gets the id of that message.
   */
  prepare?: (options: SendMessagesOptions<Message>) => string | StreamRequest | Promise<string | StreamRequest>;
  /**
   * The major of the package `ai`; any of its minors will do. With a target, chunks that the major does not know become data
   * parts such as `data-custom`. Without one, the chunks are those of 7, and 5 and 6 ignore what they do not know. With target 7
   * and `ai` 7.0.70 or later, an answer that starts over differently replaces what is shown of its first step.
   */
  target?: 5 | 6 | 7;
  /**
   * What the `stop()` of `useChat` does. With `"cancel"`, the default, the task is cancelled on the backend. With `"detach"` this
   * tab leaves the answer, and the task goes on.
   */
  abort?: "detach" | "cancel";
}

/** What the transport knows of a chat beyond its messages. */
interface Chat {
  /** The answers that are being read. */
  readonly answers: Set<Answer>;
  /** The backend's ids of edited messages, by their ids in the chat. */
  readonly names: Map<string, string>;
  /** The tool calls whose outputs the backend has. */
  readonly settled: Set<string>;
  /** The message that the running answer continues, as it was before. */
  continued?: UIMessage | undefined;
}

/**
 * A `ChatTransport` for `ai` 5, 6 and 7. The id of a chat is the id of its session. `useChat` receives failures as `RejoinError`s
 * with their codes.
 */
export class RejoinChatTransport<Message extends UIMessage = UIMessage> implements ChatTransport<Message> {
  /** Informs the AI SDK that a resumed answer comes from its beginning, so that it builds the message again. */
  readonly resumeStreamIsReplay = true;
  readonly #options: RejoinChatTransportOptions<Message>;
  readonly #chats = new Map<string, Chat>();

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
    const { request, renames } = await this.#request(options);
    abortSignal?.throwIfAborted();
    const last = messages.at(-1);
    this.#chat(chatId).continued = last?.role === "assistant" ? last : undefined;
    const stream = await this.#read(chatId, abortSignal, { calls: callsOf(last) }, (listener) =>
      this.#options.streams.startStream(chatId, request, listener),
    );
    if (!stream) throw new RejoinError("NO_ANSWER", "The answer had ended, and its stream is gone: load the session's messages.");
    const chat = this.#chat(chatId);
    if (renames !== undefined && request.messageId !== undefined) chat.names.set(renames, request.messageId);
    for (const { toolCallId } of request.toolOutputs ?? []) chat.settled.add(toolCallId);
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
    const message = await this.#continued(chatId);
    abortSignal?.throwIfAborted();
    return this.#read(chatId, abortSignal, { calls: callsOf(message), message }, (listener) => this.#options.streams.resumeSession(chatId, listener));
  }

  /** Returns the message that the session's task continues, if it continues one. */
  async #continued(chatId: string): Promise<UIMessage | undefined> {
    const chat = this.#chat(chatId);
    if (!this.#options.streams.isStreaming(chatId)) chat.continued = await this.#loadContinued(chatId);
    return chat.continued;
  }

  async #loadContinued(chatId: string): Promise<UIMessage | undefined> {
    // Without a history the answer is shown by itself.
    const history = await this.#options.streams.loadSession(chatId).catch(() => undefined);
    const id = (history?.activeStream as Fields | null | undefined)?.["message_id"];
    const messages = (history?.messages ?? []) as readonly UIMessage[];
    return typeof id === "string" ? messages.find((message) => message.id === id && Array.isArray(message.parts)) : undefined;
  }

  /** Cancels the chat's task on the backend. `useChat` is ready again, and no tab resumes the answer. */
  stop(chatId: string): Promise<void> {
    return this.#options.streams.stopStream(chatId);
  }

  /** Opens a stream of the client and resolves once it is known whether there is an answer. */
  async #read(
    chatId: string,
    signal: AbortSignal | undefined,
    continued: Continued,
    open: (listener: StreamListener) => Promise<StreamOutcome | null>,
  ): Promise<ReadableStream<UIMessageChunk> | null> {
    const { answers, settled } = this.#chat(chatId);
    const answer: Answer = new Answer(new ChunkWriter(this.#options.target, continued), {
      canTakeBack: this.#options.target === 7 && continued.calls.length === 0,
      signal,
      onDetach: () => {
        answers.delete(answer);
        this.#letGo(chatId, signal?.aborted === true && this.#options.abort !== "detach");
      },
    });
    answers.add(answer);
    const listener: StreamListener = {
      ...answer.listener,
      onBatch: (chunks) => {
        for (const id of chunks.flatMap(settledCall)) settled.add(id);
        answer.listener.onBatch?.(chunks);
      },
    };
    open(listener).then(
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

  /**
   * Leaves a chat that nobody reads any more. A second resume, as StrictMode makes one, aborts the first one and reads on at once: a
   * task is cancelled only if nobody does.
   */
  #letGo(chatId: string, isStopped: boolean): void {
    const { streams } = this.#options;
    const { answers } = this.#chat(chatId);
    if (answers.size > 0) return;
    if (!isStopped) return streams.detachStream(chatId);
    void nextTask().then(() => {
      if (answers.size === 0) streams.stopStream(chatId).catch(() => {});
    });
  }

  #chat(chatId: string): Chat {
    const chat = this.#chats.get(chatId) ?? { answers: new Set(), names: new Map(), settled: new Set() };
    this.#chats.set(chatId, chat);
    return chat;
  }

  async #request(options: SendMessagesOptions<Message>): Promise<Prepared> {
    const { prepare } = this.#options;
    const { names, settled } = this.#chat(options.chatId);
    if (!prepare) {
      const made = requestOf(options, { nameOf: (id) => names.get(id) ?? id, hasOutput: (id) => settled.has(id) });
      return made.renames === undefined ? made : { ...made, request: { ...made.request, messageId: randomId() } };
    }
    const made = await prepare(options);
    const request = typeof made === "string" ? { message: made } : made;
    const messageId = request.messageId ?? sentId(options);
    return { request: messageId === undefined ? request : { ...request, messageId } };
  }
}

function checkOptions(options: unknown): void {
  const { streams, prepare, target, abort } = (options ?? {}) as Fields;
  const isClient = typeof (streams as Partial<ChatStreams> | undefined)?.startStream === "function";
  if (!isClient) throw new RejoinError("INVALID_ARGUMENT", "options.streams should be what createChatStreams() gives.");
  if (prepare != null && typeof prepare !== "function") {
    throw new RejoinError("INVALID_ARGUMENT", "options.prepare should be a function.");
  }
  if (target != null && target !== 5 && target !== 6 && target !== 7) {
    throw new RejoinError("INVALID_ARGUMENT", "options.target should be 5, 6 or 7.");
  }
  if (abort != null && abort !== "detach" && abort !== "cancel") {
    throw new RejoinError("INVALID_ARGUMENT", 'options.abort should be "detach" or "cancel".');
  }
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

/** Returns the id of the call that a chunk gives its final output, if it does. */
function settledCall(chunk: StreamChunk): string[] {
  const fields = chunk as unknown as Fields;
  const id = fields["tool_id"] ?? fields["toolCallId"];
  const isFinal = chunk.type === "tool-output-error" || (chunk.type === "tool_response" && !isInterim(fields));
  return isFinal && typeof id === "string" ? [id] : [];
}
