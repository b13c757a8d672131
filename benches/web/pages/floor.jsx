// The page with the whole answer in hand: what React, layout and paint take, below which no side can get.

import { answer } from "../input.mjs";
import { Answer, show } from "./answer.jsx";

const chunks = answer(20_000);
const text = chunks.map(({ delta }) => delta ?? "").join("");
const tools = chunks.filter(({ type }) => type === "tool-input-available").map(() => ({ type: "tool-search", state: "output-available" }));

globalThis.begin = () => show(<Answer parts={[{ type: "text", text }, ...tools]} />);
