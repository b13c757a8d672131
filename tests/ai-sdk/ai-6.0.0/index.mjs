// Exports what the tests use of the AI SDK, the earliest minor of major 6.
import { AbstractChat } from "ai";
import { chatClass } from "../lib/chat.mjs";

export * from "ai";
export const Chat = chatClass(AbstractChat);
