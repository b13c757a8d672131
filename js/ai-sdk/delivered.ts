/**
 * Remembers which chunks of one answer the reader has, so that an answer that starts over delivers only what is new.
 *
 * A parser of the AI SDK only appends: it cannot remove text, and it would show a repeated part twice. When a stream starts over,
 * its chunks are compared with the delivered ones, text by text, and held back as long as they agree.
 */

import type { Fields } from "./shapes.js";

/** For each type of delta, the field with its text and the field with the id of its block. */
const DELTAS: Record<string, readonly [text: string, block: string]> = {
  "text-delta": ["delta", "id"],
  "reasoning-delta": ["delta", "id"],
  "tool-input-delta": ["inputTextDelta", "toolCallId"],
};

/** Says that a chunk differs from the delivered one at its place. */
export const DIFFERS = Symbol("differs");

/** The delivered chunks of one answer. */
export class Delivered {
  /** The chunks in order. Adjacent deltas of one block are merged. */
  #chunks: Fields[] = [];
  /** The place of the delivered chunk with which the next one is compared. */
  #at = 0;
  /** How much of the text of that delta has come again, in UTF-16 code units. */
  #offset = 0;
  /** Whether the reader took back a step, of which its parser keeps the beginning. */
  #hasOpenStep = false;

  /** Whether some delivered chunks have not come again yet. */
  get isBehind(): boolean {
    return this.#at < this.#chunks.length;
  }

  /** Whether nothing was delivered. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Returns what of the next chunk is to be delivered: all of it, its new text, or nothing. */
  take(chunk: Fields): Fields | undefined | typeof DIFFERS {
    if (!this.isBehind) return this.#add(chunk);
    const known = this.#chunks[this.#at] as Fields;
    if (isSameBlock(known, chunk)) return this.#compare(known, chunk);
    if (!equal(known, chunk)) return DIFFERS;
    this.#at++;
    return undefined;
  }

  /** Prepares for an answer that comes again from its beginning. */
  restart(): void {
    this.#at = this.#offset = 0;
  }

  /** Whether all delivered parts belong to one step, or to none. */
  get isOneStep(): boolean {
    return !this.#parts.some(({ type }, place) => place > 0 && type === "start-step");
  }

  /** Forgets the step that the reader takes back. Returns those chunks of it that have come again, to deliver them again. */
  takeBack(): Fields[] {
    const again = this.#again;
    this.#hasOpenStep ||= this.#parts[0]?.["type"] === "start-step";
    this.#chunks = this.#chunks.filter(({ type }) => type === "start");
    this.restart();
    return again.map((chunk) => this.take(chunk)).filter((chunk) => typeof chunk === "object");
  }

  /** The chunks that have come again so far and were held back. */
  get #again(): Fields[] {
    const whole = this.#chunks.slice(0, this.#at);
    const known = this.#chunks[this.#at];
    if (!known || this.#offset === 0) return whole;
    const [name] = DELTAS[known["type"] as string] as readonly [string, string];
    return [...whole, { ...known, [name]: (known[name] as string).slice(0, this.#offset) }];
  }

  get #parts(): Fields[] {
    return this.#chunks.filter(({ type }) => type !== "start" && type !== "message-metadata");
  }

  #compare(known: Fields, chunk: Fields): Fields | undefined | typeof DIFFERS {
    const [name] = DELTAS[chunk["type"] as string] as readonly [string, string];
    const text = chunk[name] as string;
    const rest = (known[name] as string).slice(this.#offset);
    if (text.length < rest.length) {
      if (!rest.startsWith(text)) return DIFFERS;
      this.#offset += text.length;
      return undefined;
    }
    const isLast = this.#at === this.#chunks.length - 1;
    if (!text.startsWith(rest) || (text.length > rest.length && !isLast)) return DIFFERS;
    this.#at++;
    this.#offset = 0;
    return text.length === rest.length ? undefined : this.#add({ ...chunk, [name]: text.slice(rest.length) });
  }

  #add(chunk: Fields): Fields | undefined {
    const last = this.#chunks.at(-1);
    const isStepAgain = this.#hasOpenStep && chunk["type"] === "start-step" && this.#parts.length === 0;
    if (last && isSameBlock(last, chunk)) append(last, chunk);
    else this.#chunks.push(chunk["type"] as string in DELTAS ? { ...chunk } : chunk);
    this.#at = this.#chunks.length;
    return isStepAgain ? undefined : chunk;
  }
}

function isSameBlock(last: Fields, next: Fields): boolean {
  const names = DELTAS[next["type"] as string];
  const isPlain = last["providerMetadata"] === undefined && next["providerMetadata"] === undefined;
  return names !== undefined && isPlain && last["type"] === next["type"] && last[names[1]] === next[names[1]];
}

/** Appends the text of a delta to the last one, which is a copy that nobody else has. */
function append(last: Fields, next: Fields): void {
  const [name] = DELTAS[next["type"] as string] as readonly [string, string];
  last[name] = `${String(last[name])}${String(next[name])}`;
}

/**
 * Returns whether two chunks are equal. Both come from the same code, so their fields have the same order. All starts count as
 * equal, because a parser keeps what it knows from the first one.
 */
function equal(one: Fields, other: Fields): boolean {
  return one["type"] === other["type"] && (one["type"] === "start" || JSON.stringify(one) === JSON.stringify(other));
}
