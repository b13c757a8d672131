// The model that the AI SDK, major 6, gives to tests.
export { MockLanguageModelV3 as MockModel } from "ai/test";
