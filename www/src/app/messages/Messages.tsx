// Lists the questions and answers, and keeps the newest in sight unless the reader has scrolled away.
import type { UIMessage } from "rejoin";
import type { UseConversation } from "rejoin/react";
import type { ReactNode } from "react";
import { useAutoscroll } from "../../hooks/useAutoscroll";
import { DownIcon } from "../../ui/icons";
import { Thinking } from "../../ui/Thinking";
import { Answer } from "./Answer";
import { Question } from "./Question";

interface Props {
  readonly chat: Pick<UseConversation, "messages" | "delivery" | "isRunning" | "regenerate" | "removeQueued" | "addToolOutput" | "respondToApproval">;
  readonly onEdit: (message: UIMessage) => void;
  readonly onRetry: UseConversation["retry"];
  /** What comes after the last message. */
  readonly children?: ReactNode;
}

export function Messages({ chat, onEdit, onRetry, children }: Props) {
  const { messages, delivery, isRunning, regenerate, removeQueued, addToolOutput, respondToApproval } = chat;
  const { scroller, content, away, toEnd } = useAutoscroll();
  const lastAnswer = messages.findLast(({ role }) => role === "assistant")?.id;
  const isAnswered = messages.findLast(({ id }) => delivery[id] !== "queued" && delivery[id] !== "unsent")?.role === "assistant";
  return (
    <div className="messages-frame">
      <div className="messages" ref={scroller} tabIndex={0} role="region" aria-label="Messages" data-testid="messages">
        <div className="messages-content" ref={content}>
          {messages.map((message) =>
            message.role === "user" ? (
              <Question key={message.id} message={message} delivery={delivery[message.id]} isBusy={isRunning} onEdit={onEdit} onRetry={onRetry} onRemove={removeQueued} />
            ) : (
              <Answer
                key={message.id}
                message={message}
                growing={isRunning && isAnswered && message.id === lastAnswer}
                isLast={!isRunning && message.id === lastAnswer}
                onRegenerate={regenerate}
                onToolOutput={addToolOutput}
                onApproval={respondToApproval}
              />
            ),
          )}
          {isRunning && !isAnswered && <Thinking />}
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
