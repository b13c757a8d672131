// Questions and answers, with the newest in sight unless the reader reads elsewhere.
import type { ReactNode } from "react";
import { useAutoscroll } from "../hooks/useAutoscroll";
import type { Row } from "../rows";
import { Answer } from "./Answer";
import { DownIcon } from "./icons";
import { Question } from "./Question";
import { Thinking } from "./Thinking";

interface Props {
  readonly rows: readonly Row[];
  /** The id of the answer that is being written. */
  readonly growingId: string | null;
  /** An answer is under way and has no text yet. */
  readonly waiting: boolean;
  /** The id of a message that the server did not take. */
  readonly unsentId: string | null;
  /** What stands after the last message. */
  readonly children?: ReactNode;
}

export function MessageList({ rows, growingId, waiting, unsentId, children }: Props) {
  const { scroller, content, away, toEnd } = useAutoscroll();
  return (
    <div className="messages-frame">
      <div className="messages" ref={scroller} tabIndex={0} role="region" aria-label="Messages" data-testid="messages">
        <div className="messages-content" ref={content}>
          {rows.map((row) =>
            row.kind === "question" ? (
              <Question key={row.id} text={row.text} unsent={row.id === unsentId} />
            ) : (
              <Answer key={row.id} message={row.message} growing={row.id === growingId} />
            ),
          )}
          {waiting && <Thinking />}
          {children}
        </div>
      </div>
      {away && (
        <button type="button" className="to-end" onClick={toEnd} data-testid="to-end">
          <DownIcon />
          Newest
        </button>
      )}
    </div>
  );
}
