// The model that the AI SDK, major 5, gives to tests.
export { MockLanguageModelV2 as MockModel } from "ai/test";
