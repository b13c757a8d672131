/** A whole chat: history, the live answer, and what waits to be sent, as one list and one state. */

export { createConversation } from "./conversation.js";
export { toUIMessages } from "./list/stored.js";
