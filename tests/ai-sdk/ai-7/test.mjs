// The model that the AI SDK, major 7, gives to tests.
export { MockLanguageModelV4 as MockModel } from "ai/test";
