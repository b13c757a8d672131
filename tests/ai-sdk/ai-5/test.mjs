// Exports the model for tests of the AI SDK, major 5.
export { MockLanguageModelV2 as MockModel } from "ai/test";
