/** The types of the package, one idea per file. Written by hand. */

export type * from "./chunk-fields.js";
export type * from "./chunks.js";
export type * from "./legacy-chunks.js";
export type * from "./carried-chunks.js";
export type * from "./messages.js";
export type * from "./streams.js";
export type * from "./client.js";
export type * from "./dispatcher.js";
export type * from "./parser.js";
