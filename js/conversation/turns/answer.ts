/** The answer that a stream writes, as a message of the list: under one key from its first chunk on, after what it continues. */

import { callsOf } from "../calls.js";
import { isEqual } from "../list/identity.js";
import type { UIMessage, UIMessagePart } from "../../types/index.js";

type Fields = Record<string, unknown>;

/** One answer while its stream runs. */
export class Answer<MESSAGE extends UIMessage> {
  readonly key: string;
  /** The message that the stream continues, as it was when that began. */
  base: MESSAGE | undefined;
  #source: UIMessage | undefined;
  #shown: MESSAGE | undefined;
  /** The parts of a continued message, by the two parts that they are made of. */
  #joined = new WeakMap<object, [own: object | undefined, part: UIMessagePart]>();

  constructor(key: string, base: MESSAGE | undefined) {
    this.key = key;
    this.base = base;
  }

  /** Returns the message to show for what the stream has given so far. */
  show(source: UIMessage): MESSAGE {
    if (this.#shown && source === this.#source) return this.#shown;
    this.#source = source;
    const own = source as MESSAGE;
    if (this.base) this.#shown = this.#continue(this.base, own);
    else this.#shown = source.id === this.key ? own : { ...own, id: this.key };
    return this.#shown;
  }

  /** Uses another version of the continued message, as a history has it. */
  rebase(base: MESSAGE): void {
    this.base = base;
    this.#source = undefined;
  }

  /** The continuation repeats the results of the calls that it goes on with, and has parts of its own after them. */
  #continue(base: MESSAGE, source: MESSAGE): MESSAGE {
    const results = new Map(callsOf([source]).map((part) => [part["toolCallId"], part]));
    const known = new Set(callsOf([base]).map((part) => part["toolCallId"]));
    const parts = base.parts.map((part) => this.#join(part, results.get((part as unknown as Fields)["toolCallId"])));
    const added = source.parts.filter((part) => !known.has((part as unknown as Fields)["toolCallId"]));
    return { ...base, ...(source.metadata !== undefined && { metadata: source.metadata }), id: this.key, parts: [...parts, ...added] };
  }

  #join(part: UIMessagePart, result: Fields | undefined): UIMessagePart {
    if (!result) return part;
    const [own, joined] = this.#joined.get(part) ?? [];
    if (own === result && joined) return joined;
    const fresh = withResult(part as unknown as Fields, result) as unknown as UIMessagePart;
    const kept = isEqual(fresh, part) ? part : fresh;
    this.#joined.set(part, [result, kept]);
    return kept;
  }
}

/** The state of a call and what it has in that state. The rest of the part is the continued message's. */
function withResult(part: Fields, result: Fields): Fields {
  const { output: _, errorText: __, preliminary: ___, ...call } = part;
  const { state, output, errorText, preliminary, approval, resultProviderMetadata } = result;
  if (state === "input-streaming" || state === "input-available") return part;
  const merged: Fields = { ...call, state };
  const asked = approval === undefined ? undefined : { ...(call["approval"] as Fields | undefined), ...(approval as Fields) };
  for (const [name, value] of Object.entries({ output, errorText, preliminary, approval: asked, resultProviderMetadata })) {
    if (value !== undefined) merged[name] = value;
  }
  return merged;
}
