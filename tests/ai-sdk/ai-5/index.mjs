// Exports what the tests use of the AI SDK, major 5.
export * from "ai";
export { Chat } from "@ai-sdk/react";
