/** What the person decides about tool calls: outputs and approvals live here until the backend has them. */

import { isEqual } from "./list/identity.js";
import { RejoinError } from "../types/errors.js";
import type { StreamRequest, ToolApprovalResponse, ToolOutput, UIMessage, UIMessagePart } from "../types/index.js";

type Fields = Record<string, unknown>;

export class Calls {
  readonly #outputs = new Map<string, ToolOutput>();
  readonly #approvals = new Map<string, ToolApprovalResponse>();
  /** The messages and parts that show decisions, by those that wait for them. */
  #shown = new WeakMap<object, object>();

  /**
   * Keeps the output of a call.
   *
   * @throws {RejoinError} `TOOL_CALL_NOT_FOUND`, `TOOL_CALL_SETTLED`
   */
  addOutput(messages: readonly UIMessage[], output: ToolOutput): void {
    const part = callsOf(messages).find(({ toolCallId }) => toolCallId === output.toolCallId);
    if (!part) throw notFound(output.toolCallId);
    const known = this.#outputs.get(output.toolCallId);
    const isRepeat = known ? isEqual(known, output) : isSameOutput(part, output);
    if (isRepeat) return;
    if (known || !OPEN.includes(String(part["state"]))) throw settled(output.toolCallId);
    this.#outputs.set(output.toolCallId, output);
    this.#shown = new WeakMap();
  }

  /**
   * Keeps the answer to the question whether a tool may run.
   *
   * @throws {RejoinError} `TOOL_CALL_NOT_FOUND`, `TOOL_CALL_SETTLED`
   */
  addApproval(messages: readonly UIMessage[], response: ToolApprovalResponse): void {
    const part = callsOf(messages).find(({ approval }) => (approval as Fields | undefined)?.["id"] === response.approvalId);
    if (!part) throw notFound(response.approvalId);
    const known = this.#approvals.get(response.approvalId);
    const approved = known ? known.approved : (part["approval"] as Fields)["approved"];
    if (approved === response.approved) return;
    if (known || part["state"] !== "approval-requested") throw settled(response.approvalId);
    this.#approvals.set(response.approvalId, response);
    this.#shown = new WeakMap();
  }

  /** Returns a message with what was decided about its calls. It is the same object if nothing was. */
  apply<MESSAGE extends UIMessage>(message: MESSAGE): MESSAGE {
    if (message.role !== "assistant" || (this.#outputs.size === 0 && this.#approvals.size === 0)) return message;
    return this.#remember(message, () => {
      const parts = message.parts.map((part) => this.#remember(part, () => this.#decided(part as unknown as Fields) as unknown as UIMessagePart));
      return parts.every((part, place) => part === message.parts[place]) ? message : { ...message, parts };
    });
  }

  #remember<T extends object>(source: T, make: () => T): T {
    const known = this.#shown.get(source);
    if (known) return known as T;
    const shown = make();
    this.#shown.set(source, shown);
    return shown;
  }

  #decided(part: Fields): Fields {
    if (!OPEN.includes(String(part["state"]))) return part;
    const approval = part["approval"] as Fields | undefined;
    const response = this.#approvals.get(String(approval?.["id"]));
    const output = this.#outputs.get(String(part["toolCallId"]));
    if (output?.errorText !== undefined) return { ...part, state: "output-error", errorText: output.errorText };
    if (output) return { ...part, state: "output-available", output: output.output };
    if (part["state"] !== "approval-requested" || !response) return part;
    const { approved, reason } = response;
    return { ...part, state: "approval-responded", approval: { ...approval, approved, ...(reason !== undefined && { reason }) } };
  }

  /** Returns what was decided about the calls of a message, or undefined if that is nothing or not all of it. */
  decisionsOn(message: UIMessage | undefined): Pick<StreamRequest, "toolOutputs" | "approvals"> | undefined {
    if (!message || isWaiting(this.apply(message))) return undefined;
    const calls = callsOf([message]);
    const toolOutputs = calls.flatMap(({ toolCallId }) => this.#outputs.get(String(toolCallId)) ?? []);
    const approvals = calls.flatMap(({ approval }) => this.#approvals.get(String((approval as Fields | undefined)?.["id"])) ?? []);
    if (toolOutputs.length === 0 && approvals.length === 0) return undefined;
    return { ...(toolOutputs.length > 0 && { toolOutputs }), ...(approvals.length > 0 && { approvals }) };
  }

  /** Forgets decisions that the backend has now, or that it has no use for. */
  clear({ toolOutputs = [], approvals = [] }: Pick<StreamRequest, "toolOutputs" | "approvals">): void {
    for (const { toolCallId } of toolOutputs) this.#outputs.delete(toolCallId);
    for (const { approvalId } of approvals) this.#approvals.delete(approvalId);
    this.#shown = new WeakMap();
  }
}

/** The states of calls that wait for the page. */
const OPEN = ["input-available", "approval-requested"];

/** Returns whether a call of a finished answer waits for the person or the page. */
export function isWaiting(message: UIMessage | undefined): boolean {
  return openCalls(message).length > 0;
}

/** Returns whether the person has to allow a call of the message. */
export function isAsking(message: UIMessage | undefined): boolean {
  return openCalls(message).some(({ state }) => state === "approval-requested");
}

function openCalls(message: UIMessage | undefined): Fields[] {
  return message?.role === "assistant" ? callsOf([message]).filter(isOpen) : [];
}

function isOpen({ state, providerExecuted, approval }: Fields): boolean {
  if (state === "approval-requested") return (approval as Fields | undefined)?.["isAutomatic"] !== true;
  return state === "input-available" && providerExecuted !== true;
}

/** Returns the parts of messages that are tool calls. */
export function callsOf(messages: readonly UIMessage[]): Fields[] {
  const parts = messages.flatMap((message) => message.parts as unknown as Fields[]);
  return parts.filter((part) => typeof part["toolCallId"] === "string");
}

function isSameOutput(part: Fields, { output, errorText }: ToolOutput): boolean {
  if (part["state"] === "output-error") return part["errorText"] === errorText;
  return part["state"] === "output-available" && errorText === undefined && isEqual(part["output"], output);
}

function notFound(id: string): RejoinError {
  return new RejoinError("TOOL_CALL_NOT_FOUND", `No message has a tool call ${id}.`);
}

function settled(id: string): RejoinError {
  return new RejoinError("TOOL_CALL_SETTLED", `The tool call ${id} has another answer already.`);
}
