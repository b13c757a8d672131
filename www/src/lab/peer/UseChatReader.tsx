// Reads with `useChat` of the AI SDK and its own transport, from the same server.
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport, type UIMessage, type UIMessageChunk } from "ai";
import { useEffect, useState } from "react";
import { useLab } from "../context";
import { Reading } from "./PeerPane";
import type { Peer, PeerAnswer } from "./peer";

interface Props {
  readonly chatId: string;
  readonly sessionId: string;
  readonly answer: PeerAnswer;
}

export default function UseChatReader({ chatId, sessionId, answer }: Props) {
  const { peer } = useLab();
  const [transport] = useState(() => new RecordedTransport(peer, sessionId));
  const { messages, status, error, sendMessage, stop } = useChat({ id: sessionId, transport });

  useEffect(() => {
    const question = peer.takeQuestion(chatId);
    if (question) void sendMessage(question);
  }, [peer, chatId, sendMessage]);
  useEffect(() => peer.onStop(chatId, () => void stop()), [peer, chatId, stop]);

  const claim = status === "error" ? "failed" : status === "ready" && messages.length > 0 ? "complete" : "writing";
  const shown: PeerAnswer = { ...answer, text: textOf(messages), claim, posts: transport.posts, ...(error && { message: error.message }) };
  return <Reading answer={shown} />;
}

/** Creates `useChat`'s own transport for the endpoint of this server. The lab counts what passes. */
class RecordedTransport extends DefaultChatTransport<UIMessage> {
  posts = 0;
  readonly #peer: Peer;
  readonly #sessionId: string;

  constructor(peer: Peer, sessionId: string) {
    const count = () => (this.posts += 1);
    super({
      api: `${peer.baseUrl}/sessions/${encodeURIComponent(sessionId)}/stream`,
      fetch: peer.network,
      prepareSendMessagesRequest: ({ messages }) => {
        count();
        const last = messages.at(-1);
        return { body: { message: textOf(last ? [last] : [], "user"), message_id: last?.id, metadata: last?.metadata } };
      },
    });
    this.#peer = peer;
    this.#sessionId = sessionId;
  }

  protected override processResponseStream(stream: ReadableStream<Uint8Array>): ReadableStream<UIMessageChunk> {
    const trace = this.#peer.recorder.trace("peer", this.#sessionId);
    const counted = new TransformStream<UIMessageChunk, UIMessageChunk>({
      transform: (chunk, out) => {
        trace.chunks(1);
        this.#peer.recorder.changed();
        out.enqueue(chunk);
      },
    });
    return super.processResponseStream(stream as never).pipeThrough(counted);
  }
}

function textOf(messages: readonly UIMessage[], role: UIMessage["role"] = "assistant"): string {
  const parts = messages.filter((message) => message.role === role).flatMap((message) => message.parts);
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}
