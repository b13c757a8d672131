// Questions and answers, with the newest in sight unless the reader reads elsewhere.
import type { Conversation, MessageDelivery, UIMessage } from "rejoin";
import type { ReactNode } from "react";
import { useAutoscroll } from "../hooks/useAutoscroll";
import { Answer } from "./Answer";
import { DownIcon } from "./icons";
import { Question } from "./Question";
import { Thinking } from "./Thinking";

interface Props {
  readonly messages: readonly UIMessage[];
  /** How far the messages have come that the server does not have. */
  readonly delivery: Readonly<Record<string, MessageDelivery>>;
  /** Whether an answer is being written. */
  readonly isRunning: boolean;
  readonly onEdit: (message: UIMessage) => void;
  readonly onRetry: (messageId: string) => void;
  readonly onRemove: (messageId: string) => void;
  readonly onRegenerate: () => void;
  readonly onToolOutput: Conversation["addToolOutput"];
  readonly onApproval: Conversation["respondToApproval"];
  /** What stands after the last message. */
  readonly children?: ReactNode;
}

export function MessageList({ messages, delivery, isRunning, children, ...actions }: Props) {
  const { scroller, content, away, toEnd } = useAutoscroll();
  const lastAnswer = messages.findLast(({ role }) => role === "assistant")?.id;
  const isAnswered = messages.findLast(({ id }) => delivery[id] !== "queued" && delivery[id] !== "unsent")?.role === "assistant";
  return (
    <div className="messages-frame">
      <div className="messages" ref={scroller} tabIndex={0} role="region" aria-label="Messages" data-testid="messages">
        <div className="messages-content" ref={content}>
          {messages.map((message) =>
            message.role === "user" ? (
              <Question key={message.id} message={message} delivery={delivery[message.id]} isBusy={isRunning} {...actions} />
            ) : (
              <Answer
                key={message.id}
                message={message}
                growing={isRunning && isAnswered && message.id === lastAnswer}
                isLast={!isRunning && message.id === lastAnswer}
                {...actions}
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
