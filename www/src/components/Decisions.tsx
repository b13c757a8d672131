// What the tools of an answer wait for: the person's word whether one may run, or an output that this page gives.
import type { Conversation, UIMessage } from "rejoin";
import { isTool, toolName } from "../tools";

interface Props {
  readonly message: UIMessage;
  readonly onToolOutput: Conversation["addToolOutput"];
  readonly onApproval: Conversation["respondToApproval"];
}

export function Decisions({ message, onToolOutput, onApproval }: Props) {
  return message.parts.filter(isTool).map((part) => {
    if (part.state === "approval-requested") {
      const answer = (approved: boolean) => void onApproval({ approvalId: part.approval.id, approved });
      return (
        <div className="decision" key={part.toolCallId} data-testid="approval">
          <p>May {toolName(part)} run?</p>
          <button type="button" className="button" onClick={() => answer(true)}>Allow</button>
          <button type="button" className="button" onClick={() => answer(false)}>Deny</button>
        </div>
      );
    }
    if (part.state !== "input-available" || part.providerExecuted) return null;
    return (
      <div className="decision" key={part.toolCallId} data-testid="client-tool">
        <p>{toolName(part)} runs on this page.</p>
        <button type="button" className="button" onClick={() => void onToolOutput({ toolCallId: part.toolCallId, output: { time: new Date().toISOString() } })}>
          Tell it the time
        </button>
        <button type="button" className="button" onClick={() => void onToolOutput({ toolCallId: part.toolCallId, errorText: "The person declined." })}>
          Decline
        </button>
      </div>
    );
  });
}
