// Markdown to safe HTML, block by block, so that a growing answer costs what its last block costs and not what all of it costs.
import DOMPurify from "dompurify";
import { Marked, type Token } from "marked";

const marked = new Marked({
  gfm: true,
  renderer: {
    // A picture from anywhere would tell its host who reads what: it becomes a link.
    image({ href, text }) {
      return `<a href="${escapeAttribute(href)}">${escapeText(text || href)}</a>`;
    },
    // Wide code scrolls, and what scrolls must be reachable by keyboard.
    code({ text }) {
      return `<pre tabindex="0"><code>${escapeText(text)}</code></pre>`;
    },
    // Nothing in an answer is HTML: what looks like it is shown as it was written.
    html({ text, type, block }) {
      return type === "html" && block ? `<p>${escapeText(text)}</p>` : escapeText(text);
    },
  },
});

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer nofollow");
});

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

  split(text: string): readonly Block[] {
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
  for (const token of lex(text)) {
    blocks.push({ start, source: token.raw });
    start += token.raw.length;
  }
  return blocks;
}

function lex(text: string): Token[] {
  return marked.lexer(text);
}

/** The HTML of one block, with nothing in it that runs, submits, styles or loads. */
export function renderBlock(source: string): string {
  const html = marked.parse(source, { async: false });
  return DOMPurify.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ["style", "form", "button", "textarea", "select", "img", "video", "audio", "picture", "source"],
    FORBID_ATTR: ["style", "class", "id", "name"],
  });
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function escapeAttribute(text: string): string {
  return escapeText(text).replaceAll('"', "&quot;");
}
