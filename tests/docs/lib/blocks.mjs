// The code blocks of a document, with the facts that their tests need.

import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../../..");

/** README and docs/, as paths from the root. */
export const documents = ["README.md", ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).sort().map((name) => `docs/${name}`)];

/**
 * @typedef {{ file: string, line: number, language: string, code: string, given: string, run: string | undefined }} Block
 *   `given` is what a reader has at that place and the block does not repeat: declarations, from a comment
 *   `<!-- test: … -->` above it. One that begins with `run NAME;` says how the block is run.
 */

/** @returns {Block[]} */
export function blocksOf(file) {
  const blocks = [];
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  let open;
  lines.forEach((text, at) => {
    const fence = /^```(\S*)$/.exec(text);
    if (open && text === "```") {
      blocks.push({ ...open, code: lines.slice(open.line, at).join("\n") + "\n" });
      open = undefined;
    } else if (fence && !open) {
      open = { file, line: at + 1, language: fence[1], ...noteAbove(lines[at - 1] ?? "") };
    }
  });
  if (open) throw new Error(`${file}:${open.line}: the block does not end`);
  return blocks;
}

function noteAbove(line) {
  const [, note = ""] = /^<!-- test: (.*) -->$/.exec(line) ?? [];
  const [, run, given] = /^run\b ?([\w-]*);? ?(.*)$/.exec(note) ?? [null, undefined, note];
  return { run: run === "" ? "plain" : run, given };
}
