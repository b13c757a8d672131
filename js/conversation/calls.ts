/** What the person decides about tool calls: outputs and approvals live here until the backend has them. */

import { isEqual, isSame } from "./list/identity.js";
import { defined } from "../streams/defined.js";
import { RejoinError } from "../types/errors.js";
import type { StreamRequest, ToolApprovalResponse, ToolOutput, UIMessage, UIMessagePart } from "../types/index.js";

/** The part of a tool call, of which only these members are read. */
export type CallPart = Record<string, unknown> & { toolCallId?: string; state?: string; approval?: Approval };
type Approval = { id: string; approved?: boolean; reason?: string; isAutomatic?: boolean };
/** The fields of a request that carry decisions. */
export type Decisions = Pick<StreamRequest, "toolOutputs" | "approvals">;
export type Calls = ReturnType<typeof createCalls>;

/** The states of calls that wait for the page. */
const OPEN: unknown[] = ["input-available", "approval-requested"];

export function createCalls() {
  const outputs = new Map<string | undefined, ToolOutput>();
  const approvals = new Map<string | undefined, ToolApprovalResponse>();

  /** Keeps a decision for the call that it is about. */
  const add = <T>(decisions: Map<string | undefined, T>, id: string, decision: T, call: CallPart | undefined, isRepeat: (call: CallPart) => boolean): void => {
    if (!call) throw new RejoinError("TOOL_CALL_NOT_FOUND", `No message has a tool call ${id}.`);
    if (isRepeat(call)) return;
    if (decisions.has(id) || !OPEN.includes(call.state)) throw new RejoinError("TOOL_CALL_SETTLED", `The tool call ${id} has another answer already.`);
    decisions.set(id, decision);
  };

  const decide = (call: CallPart): CallPart => {
    const { state, toolCallId, approval } = call;
    if (!OPEN.includes(state)) return call;
    const given = outputs.get(toolCallId);
    if (given) {
      const { output, errorText } = given;
      return defined({ ...call, state: errorText === undefined ? "output-available" : "output-error", output, errorText });
    }
    const response = approvals.get(approval?.id);
    if (!response || state !== "approval-requested") return call;
    const { approved, reason } = response;
    return { ...call, state: "approval-responded", approval: defined({ ...(approval as Approval), approved, reason }) };
  };

  /** Returns a message with what was decided about its calls. It is the same object if nothing was. */
  const apply = <MESSAGE extends UIMessage>(message: MESSAGE): MESSAGE => {
    const parts = (message.parts as unknown as CallPart[]).map(decide);
    return isSame(parts, message.parts) ? message : { ...message, parts };
  };

  return {
    apply,

    /**
     * Keeps the output of a call.
     *
     * @throws {RejoinError} `TOOL_CALL_NOT_FOUND`, `TOOL_CALL_SETTLED`
     */
    addToolOutput(messages: readonly UIMessage[], given: ToolOutput): void {
      const { toolCallId, output, errorText } = given;
      const call = callsOf(messages).find((call) => call.toolCallId === toolCallId);
      add(outputs, toolCallId, given, call, (call) => {
        const shown = decide(call);
        if (errorText !== undefined) return shown.state === "output-error" && shown["errorText"] === errorText;
        return shown.state === "output-available" && isEqual(shown["output"], output);
      });
    },

    /**
     * Keeps the answer to the question whether a tool may run.
     *
     * @throws {RejoinError} `TOOL_CALL_NOT_FOUND`, `TOOL_CALL_SETTLED`
     */
    respondToApproval(messages: readonly UIMessage[], response: ToolApprovalResponse): void {
      const { approvalId, approved } = response;
      const call = callsOf(messages).find(({ approval }) => approval?.id === approvalId);
      add(approvals, approvalId, response, call, ({ approval }) => (approvals.get(approvalId) ?? approval)?.approved === approved);
    },

    /** Returns what was decided about the calls of a message, or undefined if that is nothing or not all of it. */
    decisionsOn(message: UIMessage | undefined): Decisions | undefined {
      if (!message || openCalls(apply(message)).length > 0) return undefined;
      const calls = callsOf([message]);
      const toolOutputs = calls.flatMap(({ toolCallId }) => outputs.get(toolCallId) ?? []);
      const approved = calls.flatMap(({ approval }) => approvals.get(approval?.id) ?? []);
      if (toolOutputs.length + approved.length === 0) return undefined;
      return defined({ toolOutputs: toolOutputs[0] && toolOutputs, approvals: approved[0] && approved });
    },

    /** Forgets decisions that the backend has now, or that it has no use for. */
    clear(decisions: Decisions): void {
      decisions.toolOutputs?.forEach(({ toolCallId }) => outputs.delete(toolCallId));
      decisions.approvals?.forEach(({ approvalId }) => approvals.delete(approvalId));
    },
  };
}

/** Returns the calls of a message that wait for the person or the page. */
export function openCalls(message: UIMessage | undefined): CallPart[] {
  if (message?.role !== "assistant") return [];
  return callsOf([message]).filter(({ state, approval, providerExecuted }) =>
    state === "approval-requested" ? approval?.isAutomatic !== true : state === "input-available" && providerExecuted !== true,
  );
}

/** Returns whether the person has to allow a call. */
export function isQuestion({ state }: CallPart): boolean {
  return state === "approval-requested";
}

/** Returns the parts of messages that are tool calls. */
export function callsOf(messages: readonly UIMessage[]): CallPart[] {
  const parts = messages.flatMap((message) => message.parts as Array<UIMessagePart & CallPart>);
  return parts.filter(({ toolCallId }) => typeof toolCallId === "string");
}
