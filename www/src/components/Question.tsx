// What the person asked.
import { memo } from "react";

export const Question = memo(function Question({ text, unsent }: { text: string; unsent: boolean }) {
  return (
    <article className="question" aria-label="You" data-testid="question">
      <div className="question-bubble">{text}</div>
      {unsent && <p className="question-note">Not sent</p>}
    </article>
  );
});
