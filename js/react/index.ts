/**
 * React hooks for a client. They keep no state of their own but show the snapshots of the client and of its conversations, which
 * change at most once per animation frame and are the same objects until they do.
 *
 * @packageDocumentation
 */

export { useActiveTasks, useStreamStatus } from "./status.js";
export { useChatStream, type ChatStream, type UseChatStreamOptions } from "./stream.js";
export { useConversation, type UseConversation, type UseConversationEvents, type UseConversationOptions } from "./conversation.js";
