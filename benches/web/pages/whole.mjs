// The parts of the whole answer.

import { answer } from "../input.mjs";

const chunks = answer(20_000);
const text = chunks.map(({ delta }) => delta ?? "").join("");
const tools = chunks.filter(({ type }) => type === "tool-input-available").map(() => ({ type: "tool-search", state: "output-available" }));

export const parts = [{ type: "text", text }, ...tools];
