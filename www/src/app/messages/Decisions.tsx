// Asks for what the tools of an answer wait for: the person's approval, or an output of this page.
import type { Conversation, UIMessage } from "rejoin";
import { ClockIcon, ShieldIcon } from "../../ui/icons";
import { isTool, toolWords } from "../parts/tools";

interface Props {
  readonly message: UIMessage;
  readonly onToolOutput: Conversation["addToolOutput"];
  readonly onApproval: Conversation["respondToApproval"];
}

export function Decisions({ message, onToolOutput, onApproval }: Props) {
  return message.parts.filter(isTool).map((part) => {
    const { toolCallId } = part;
    if (part.state === "approval-requested") {
      const answer = (approved: boolean) => void onApproval({ approvalId: part.approval.id, approved });
      return (
        <div className="decision" key={toolCallId} data-testid="approval">
          <ShieldIcon />
          <p>
            May <strong>{toolWords(part)}</strong> run?
          </p>
          <button type="button" className="button primary" onClick={() => answer(true)}>Allow</button>
          <button type="button" className="button" onClick={() => answer(false)}>Deny</button>
        </div>
      );
    }
    if (part.state !== "input-available" || part.providerExecuted) return null;
    const tellTime = () => void onToolOutput({ toolCallId, output: { time: new Date().toISOString() } });
    const decline = () => void onToolOutput({ toolCallId, errorText: "The person declined." });
    return (
      <div className="decision" key={toolCallId} data-testid="client-tool">
        <ClockIcon />
        <p>
          <strong>{toolWords(part)}</strong> asks this page for the time.
        </p>
        <button type="button" className="button primary" onClick={tellTime}>Share the time</button>
        <button type="button" className="button" onClick={decline}>Decline</button>
      </div>
    );
  });
}
