/**
 * What a reader of one answer was given, so that an answer that starts over gives only what is new.
 *
 * A parser of the AI SDK appends: it can't take text back, nor be given a part twice. When a stream starts over, what
 * comes is compared with what was given, chunk by chunk and text by text, and held back as far as they agree.
 */

import type { Fields } from "./shapes.js";

/** By type: the member with the text, and the member with the block. */
const DELTAS: Record<string, readonly [text: string, block: string]> = {
  "text-delta": ["delta", "id"],
  "reasoning-delta": ["delta", "id"],
  "tool-input-delta": ["inputTextDelta", "toolCallId"],
};

/** What comes now is not what was given before. */
export const DIFFERS = Symbol("differs");

export class Given {
  /** In order; adjacent deltas of a block are one. */
  #chunks: Fields[] = [];
  /** The place of the next chunk to compare with. */
  #at = 0;
  /** How much of the text of the delta there has come again. */
  #offset = 0;
  /** A step was taken back, and its beginning was not. */
  #hasOpenStep = false;

  /** Whether something that was given has not come again. */
  get isBehind(): boolean {
    return this.#at < this.#chunks.length;
  }

  /** Whether nothing was given. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** What of the next chunk is to be given: all, its new text, or nothing. */
  take(chunk: Fields): Fields | undefined | typeof DIFFERS {
    if (!this.isBehind) return this.#add(chunk);
    const known = this.#chunks[this.#at] as Fields;
    if (isSameBlock(known, chunk)) return this.#compare(known, chunk);
    if (!equal(known, chunk)) return DIFFERS;
    this.#at++;
    return undefined;
  }

  /** Everything comes again from its beginning. */
  restart(): void {
    this.#at = this.#offset = 0;
  }

  /** Whether what was given is in no step, or all of it in one. */
  get isOneStep(): boolean {
    return !this.#parts.some(({ type }, place) => place > 0 && type === "start-step");
  }

  /** The reader takes back what it was given of the one step; gives what of it has come again. */
  takeBack(): Fields[] {
    const again = this.#again;
    this.#hasOpenStep ||= this.#parts[0]?.["type"] === "start-step";
    this.#chunks = this.#chunks.filter(({ type }) => type === "start");
    this.restart();
    return again.map((chunk) => this.take(chunk)).filter((chunk) => typeof chunk === "object");
  }

  /** What has come again so far, and was held back. */
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

/** `last` is a copy of ours. */
function append(last: Fields, next: Fields): void {
  const [name] = DELTAS[next["type"] as string] as readonly [string, string];
  last[name] = `${String(last[name])}${String(next[name])}`;
}

/** Both were made the same way, so their members stand in the same order. A start says nothing that a parser can forget. */
function equal(one: Fields, other: Fields): boolean {
  return one["type"] === other["type"] && (one["type"] === "start" || JSON.stringify(one) === JSON.stringify(other));
}
