/**
 * Parses JSON text that is still growing. Open strings, arrays and objects count as closed, the beginning of a literal counts
 * as the literal, and a key without a value is left out.
 *
 * The parser reads each character once, so that a text of n characters costs O(n) however it is cut. Reading `value` copies
 * the open containers, and so costs as much as they hold. A value never changes after it was returned.
 */

import { parse } from "./fields.js";

type Container = Record<string, unknown> | unknown[];

interface Level {
  readonly value: Container;
  /** The key of the member that is being read. An array does not use it. */
  key: string;
}

/** The state of the parser, named after what it expects next. */
type Mode = "value" | "item or end" | "key" | "key or end" | "colon" | "comma or end" | "string" | "scalar" | "done" | "broken";

const LITERALS = ["true", "false", "null"];
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/;
const SPECIAL = /["\\\u0000-\u001f]/g;
const DELIMITER = /[,\]}\s]/g;

/** Parses one text. */
export class PartialJson {
  #mode: Mode = "value";
  #root: unknown;
  readonly #levels: Level[] = [];
  /** The text so far of the string, number or literal that is being read. */
  #token = "";
  /** The last UTF-16 code unit of the string that is being read. Reading it from `#token` would copy the whole string. */
  #lastUnit = 0;
  #isKey = false;
  /** The text so far of an incomplete escape sequence, with its backslash. */
  #escape = "";

  /** Whether the text can no longer become JSON. `value` keeps what was valid before. */
  get isBroken(): boolean {
    return this.#mode === "broken";
  }

  /** Parses the next piece of the text. */
  push(text: string): void {
    for (let at = 0; at < text.length && this.#mode !== "broken"; ) at = this.#read(text, at);
  }

  /** The value of the text so far, or undefined if there is none yet. */
  get value(): unknown {
    let value = this.#open();
    for (let depth = this.#levels.length - 1; depth >= 0; depth--) value = withChild(this.#levels[depth] as Level, value);
    return this.#levels.length > 0 || value !== undefined ? value : this.#root;
  }

  #read(text: string, at: number): number {
    if (this.#mode === "string") return this.#readString(text, at);
    if (this.#mode === "scalar") return this.#readScalar(text, at);
    const char = text[at] as string;
    if (char === " " || char === "\n" || char === "\r" || char === "\t") return at + 1;
    return this.#readToken(char) ? at + 1 : at;
  }

  /** Returns whether it consumed the character. The first one of a number or literal is left for `#readScalar`. */
  #readToken(char: string): boolean {
    switch (this.#mode) {
      case "item or end":
        return char === "]" ? this.#close() : this.#beginValue(char);
      case "value":
        return this.#beginValue(char);
      case "key or end":
        return char === "}" ? this.#close() : this.#beginKey(char);
      case "key":
        return this.#beginKey(char);
      case "colon":
        return this.#expect(char === ":", "value");
      case "comma or end":
        return this.#readSeparator(char);
      default:
        return this.#expect(false, "broken");
    }
  }

  #expect(isRight: boolean, next: Mode): boolean {
    this.#mode = isRight ? next : "broken";
    return true;
  }

  #readSeparator(char: string): boolean {
    const isArray = Array.isArray(this.#levels.at(-1)?.value);
    if (char === (isArray ? "]" : "}")) return this.#close();
    return this.#expect(char === ",", isArray ? "value" : "key");
  }

  #beginKey(char: string): boolean {
    this.#isKey = true;
    return this.#expect(char === '"', "string");
  }

  #beginValue(char: string): boolean {
    if (char === "{") return this.#descend({}, "key or end");
    if (char === "[") return this.#descend([], "item or end");
    this.#mode = char === '"' ? "string" : "scalar";
    return char === '"';
  }

  #descend(value: Container, next: Mode): boolean {
    this.#levels.push({ value, key: "" });
    return this.#expect(true, next);
  }

  #close(): boolean {
    this.#put((this.#levels.pop() as Level).value);
    return true;
  }

  /** Stores a complete value in its container, or as the result. */
  #put(value: unknown): void {
    const level = this.#levels.at(-1);
    if (level) setChild(level, value);
    else this.#root = value;
    this.#mode = level ? "comma or end" : "done";
  }

  #readString(text: string, at: number): number {
    if (this.#escape !== "") return this.#readEscape(text, at);
    const end = find(SPECIAL, text, at);
    this.#append(text.slice(at, end));
    if (end === text.length) return end;
    if (text[end] === '"') this.#endString();
    else if (text[end] === "\\") this.#escape = "\\";
    else this.#mode = "broken";
    return end + 1;
  }

  #append(piece: string): void {
    if (piece === "") return;
    this.#token += piece;
    this.#lastUnit = piece.charCodeAt(piece.length - 1);
  }

  #readEscape(text: string, at: number): number {
    this.#escape += text[at] as string;
    if (this.#escape[1] === "u" && this.#escape.length < 6) return at + 1;
    try {
      this.#append(JSON.parse(`"${this.#escape}"`) as string);
    } catch {
      this.#mode = "broken";
    }
    this.#escape = "";
    return at + 1;
  }

  #endString(): void {
    const text = this.#take();
    if (!this.#isKey) return this.#put(text);
    (this.#levels.at(-1) as Level).key = text;
    this.#isKey = false;
    this.#mode = "colon";
  }

  #readScalar(text: string, at: number): number {
    const end = find(DELIMITER, text, at);
    this.#token += text.slice(at, end);
    if (end === text.length) return end;
    this.#endScalar();
    return end;
  }

  #endScalar(): void {
    const value = parse(this.#take());
    // `parse` returns what is no JSON as it is, which is a string. A number or a literal never is one.
    if (typeof value === "string") this.#mode = "broken";
    else this.#put(value);
  }

  #take(): string {
    const token = this.#token;
    this.#token = "";
    this.#lastUnit = 0;
    return token;
  }

  /** Returns the string, number or literal that is being read, as far as it is known. */
  #open(): unknown {
    if (this.#mode === "string" && !this.#isKey) return isHighSurrogate(this.#lastUnit) ? this.#token.slice(0, -1) : this.#token;
    if (this.#mode === "scalar") return scalarSoFar(this.#token);
    return undefined;
  }
}

/** Returns the index of the next match, or the length of the text if there is none. */
function find(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}

function scalarSoFar(token: string): unknown {
  const known = LITERALS.find((literal) => literal.startsWith(token)) ?? NUMBER.exec(token)?.[0];
  return known && parse(known);
}

function withChild(level: Level, child: unknown): Container {
  const copy: Container = Array.isArray(level.value) ? level.value.slice() : { ...level.value };
  if (child !== undefined) setChild({ value: copy, key: level.key }, child);
  return copy;
}

function setChild(level: Level, child: unknown): void {
  if (Array.isArray(level.value)) level.value.push(child);
  else if (level.key !== "__proto__") level.value[level.key] = child;
  // Like JSON.parse, this creates an own property and does not change the prototype.
  else Object.defineProperty(level.value, level.key, { value: child, writable: true, enumerable: true, configurable: true });
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
