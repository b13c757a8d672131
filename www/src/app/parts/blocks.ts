// The top-level blocks of a markdown text, so that a growing answer costs what its last block costs and not what all of it costs.
import { lexer } from "marked";

/** One top-level block of a text: where it starts and its source. */
export interface Block {
  readonly start: number;
  readonly source: string;
}

/** How many blocks at the end of a growing text may still change their extent: the last, and the one it may yet join. */
const OPEN_BLOCKS = 2;

/** Splits a text that mostly grows at its end. Keeps what it found: a longer text is read from its last blocks on. */
export class BlockSplitter {
  #text = "";
  #blocks: Block[] = [];

  split(given: string): readonly Block[] {
    const text = withPlainLineEnds(given);
    const kept = text.startsWith(this.#text) ? this.#blocks.slice(0, -OPEN_BLOCKS) : [];
    const last = kept.at(-1);
    const from = last ? last.start + last.source.length : 0;
    this.#blocks = [...kept, ...readBlocks(text.slice(from), from)];
    this.#text = text;
    return this.#blocks;
  }
}

function readBlocks(text: string, offset: number): Block[] {
  const blocks: Block[] = [];
  let start = offset;
  for (const token of lexer(text)) {
    blocks.push({ start, source: token.raw });
    start += token.raw.length;
  }
  return blocks;
}

/** The lexer reads LF only, and would count fewer characters than it was given. */
function withPlainLineEnds(text: string): string {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}
