// Exports what the tests use of the AI SDK, major 6.
export * from "ai";
export { Chat } from "@ai-sdk/react";
