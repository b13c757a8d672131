/** Exports the public types of the package. They are written by hand, one idea per file. */

export type * from "./chunk-fields.js";
export type * from "./chunks.js";
export type * from "./legacy-chunks.js";
export type * from "./carried-chunks.js";
export type * from "./messages.js";
export type * from "./streams.js";
export type * from "./client.js";
export type * from "./conversation.js";
export type * from "./dispatcher.js";
export type * from "./parser.js";
