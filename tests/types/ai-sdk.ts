// `rejoin/ai-sdk` as an app of each major of `ai` would use it: the compiler options name the one that "ai" means.

import type { ChatTransport, UIMessage } from "ai";
import { createChatStreams } from "../../dist/index.js";
import { RejoinChatTransport, type RejoinChatTransportOptions, type SendMessagesOptions } from "../../dist/ai-sdk.js";

/** An app's own message. */
type OwnMessage = UIMessage<{ model: string }, { weather: { city: string } }>;

const streams = createChatStreams();

export const transport: ChatTransport<UIMessage> = new RejoinChatTransport({ streams });
export const own: ChatTransport<OwnMessage> = new RejoinChatTransport<OwnMessage>({
  streams,
  target: 6,
  prepare: ({ messages, trigger, body }) => ({
    message: messages.at(-1)?.metadata?.model ?? trigger,
    context: { url: location.href, content: String((body as { page?: string } | undefined)?.page) },
  }),
});

export const asText: RejoinChatTransportOptions = { streams, prepare: async (options: SendMessagesOptions) => options.chatId };
export const stop = (chatId: string): Promise<void> => new RejoinChatTransport({ streams }).stop(chatId);

// @ts-expect-error there is no major 4
new RejoinChatTransport({ streams, target: 4 });
// @ts-expect-error a client is needed
new RejoinChatTransport({ target: 7 });
// @ts-expect-error a request has a message
new RejoinChatTransport({ streams, prepare: () => ({ context: { url: "", content: "" } }) });
