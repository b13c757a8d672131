// Exports the model for tests of the AI SDK, major 7.
export { MockLanguageModelV4 as MockModel } from "ai/test";
