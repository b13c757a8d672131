/** Builds the part of one tool call from its chunks. */

import { PartialJson } from "./partial-json.js";
import { errorText } from "./tool-result.js";
import type { DynamicToolUIPart, ToolUIPart } from "../types/index.js";
import type { Fields } from "./fields.js";

/** Shared by all calls without further fields, which are most of them. */
const NO_FACTS: Fields = {};

/** A tool call of a message. `part` is the same object until a chunk changes it. */
export class ToolCall {
  readonly id: string;
  #name: string;
  #isDynamic: boolean;
  #state = "input-streaming";
  /** The fields of the part beside its name, id, state and input. */
  #facts: Fields = NO_FACTS;
  #input: unknown;
  #raw = "";
  #encoding: unknown;
  #json: PartialJson | undefined;
  #part: ToolUIPart | DynamicToolUIPart | undefined;

  constructor(id: string, name: string, isDynamic: boolean) {
    this.id = id;
    this.#name = name;
    this.#isDynamic = isDynamic;
  }

  /** The current part. */
  get part(): ToolUIPart | DynamicToolUIPart {
    return (this.#part ??= this.#build());
  }

  /** Takes a `tool_call_start`, which either has the input or announces that it will be streamed. */
  start(chunk: Fields): void {
    if (typeof chunk["tool_name"] === "string") this.#name = chunk["tool_name"];
    this.#describe(chunk, "callProviderMetadata");
    if (chunk["inputState"] === "streaming") this.#encoding = chunk["inputEncoding"];
    else this.#setInput(chunk["arguments"]);
  }

  /** Takes the text of a `tool-input-delta`. */
  append(delta: string): void {
    if (this.#state !== "input-streaming" || delta === "") return;
    this.#raw += delta;
    this.#json ??= new PartialJson();
    if (this.#encoding !== "text") this.#json.push(delta);
    this.#part = undefined;
  }

  /** Takes a `tool_response`. */
  respond(chunk: Fields, isFinal: boolean): void {
    this.#describe(chunk, "resultProviderMetadata");
    if (chunk["success"] === false) return this.#settle("output-error", { errorText: errorText(chunk["result"]) });
    const output = chunk["result"];
    this.#settle("output-available", isFinal ? { output } : { output, preliminary: true });
  }

  /** Takes a `tool-input-error` or a `tool-output-error`. */
  fail(chunk: Fields): void {
    if ("input" in chunk) this.#setInput(chunk["input"]);
    this.#describe(chunk, "resultProviderMetadata");
    this.#settle("output-error", { errorText: String(chunk["errorText"] ?? "") });
  }

  /** Takes a `tool-output-denied`. */
  deny(): void {
    const asked = this.#facts["approval"] as Fields | undefined;
    this.#settle("output-denied", asked ? { approval: { ...asked, approved: false } } : {});
  }

  /** Takes a `tool-approval-request`. */
  ask(chunk: Fields): void {
    const { approvalId, approvalDescriptor, inputSchemaInput, reason, isAutomatic, signature } = chunk;
    const approval = present({
      id: approvalId,
      descriptor: approvalDescriptor,
      inputSchemaInput,
      requestReason: reason,
      isAutomatic: isAutomatic === true ? true : undefined,
      signature,
    });
    this.#settle("approval-requested", { approval });
  }

  /** Takes a `tool-approval-response`. */
  answer(chunk: Fields): void {
    this.#describe(chunk, "callProviderMetadata");
    const { approvalId, approved, reason } = chunk;
    const asked = this.#facts["approval"] as Fields | undefined;
    this.#settle("approval-responded", { approval: { ...asked, ...present({ id: approvalId, approved, reason }) } });
  }

  #describe(chunk: Fields, metadata: string): void {
    const { title, toolMetadata, providerExecuted, providerMetadata } = chunk;
    if ((title ?? toolMetadata ?? providerExecuted ?? providerMetadata) != null) {
      this.#facts = { ...this.#facts, ...present({ title, toolMetadata, providerExecuted, [metadata]: providerMetadata }) };
    }
    if (chunk["dynamic"] === true) this.#isDynamic = true;
    this.#part = undefined;
  }

  #setInput(input: unknown): void {
    this.#input = input;
    this.#json = undefined;
    this.#raw = "";
    if (this.#state === "input-streaming") this.#state = "input-available";
    this.#part = undefined;
  }

  #settle(state: string, facts: Fields): void {
    if (this.#state === "input-streaming") this.#input = this.#soFar(this.#raw);
    this.#json = undefined;
    this.#state = state;
    this.#facts = this.#facts === NO_FACTS ? facts : { ...withoutResult(this.#facts), ...facts };
    this.#part = undefined;
  }

  #build(): ToolUIPart | DynamicToolUIPart {
    const part: Fields = this.#isDynamic ? { type: "dynamic-tool", toolName: this.#name } : { type: `tool-${this.#name}` };
    part["toolCallId"] = this.id;
    part["state"] = this.#state;
    Object.assign(part, this.#facts);
    if (this.#state === "input-streaming") this.#addGrowingInput(part);
    else part["input"] = this.#input;
    return part as unknown as ToolUIPart;
  }

  /** Adds the input as a getter, so that a growing input is parsed only if someone reads it. */
  #addGrowingInput(part: Fields): void {
    const raw = this.#raw;
    Object.assign(part, present({ rawInput: raw || undefined, inputEncoding: this.#encoding }));
    Object.defineProperty(part, "input", lazy(() => this.#soFar(raw)));
  }

  #soFar(raw: string): unknown {
    if (raw === "") return undefined;
    if (this.#encoding === "text") return raw;
    if (this.#json && raw.length === this.#raw.length) return this.#json.value;
    const json = new PartialJson();
    json.push(raw);
    return json.value;
  }
}

function withoutResult({ output: _, errorText: __, preliminary: ___, ...kept }: Fields): Fields {
  return kept;
}

/** Describes a property whose value is computed when it is first read. */
function lazy(make: () => unknown): PropertyDescriptor {
  let value: unknown;
  let isMade = false;
  const get = (): unknown => {
    if (!isMade) value = make();
    isMade = true;
    return value;
  };
  return { get, enumerable: true, configurable: true };
}

/** Returns the fields without those that are undefined or null. */
export function present(fields: Fields): Fields {
  const kept: Fields = {};
  for (const name of Object.keys(fields)) if (fields[name] !== undefined && fields[name] !== null) kept[name] = fields[name];
  return kept;
}
