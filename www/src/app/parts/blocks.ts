// Splits markdown into its top-level blocks, so that only the last block of a growing answer is rendered again.
import { lexer } from "marked";

/** One top-level block of a text: where it starts and its source. */
export interface Block {
  readonly start: number;
  readonly source: string;
}

/** The number of blocks at the end of a growing text that may still change: the last one, and the one that it may join. */
const OPEN_BLOCKS = 2;

/** Splits a text that mostly grows at its end. It keeps the blocks, and reads a longer text from the last ones on. */
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

/** Normalises line ends, because the lexer counts LF only. */
function withPlainLineEnds(text: string): string {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}
