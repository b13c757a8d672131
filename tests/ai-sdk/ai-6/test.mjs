// Exports the model for tests of the AI SDK, major 6.
export { MockLanguageModelV3 as MockModel } from "ai/test";
