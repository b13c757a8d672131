// Says below an answer whether it is what the server has stored.
import { verdictOf, type Shown, type Stored } from "./judgement";
import { CheckIcon, WarningIcon } from "../../ui/icons";

export function Verdict({ shown, stored, testId }: { shown: Shown; stored: Stored | null; testId: string }) {
  const { kind, text } = verdictOf(shown, stored);
  return (
    <p className={`verdict verdict-${kind}`} role="status" data-testid={testId} data-verdict={kind}>
      {kind === "true" && <CheckIcon />}
      {kind !== "true" && kind !== "waiting" && <WarningIcon />}
      <span>{text}</span>
    </p>
  );
}
