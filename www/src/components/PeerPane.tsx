// The same question through a plain reader, beside the chat.
import { useAutoscroll } from "../hooks/useAutoscroll";
import { useChat } from "../hooks/useChat";
import { useStored } from "../hooks/useStored";
import type { PeerAnswer } from "../peer/peer";
import { useStore } from "../store";
import { TextPart } from "./TextPart";
import { Verdict } from "./Verdict";

export function PeerPane({ chatId }: { chatId: string }) {
  const answer = useStore(useChat().peer.answer(chatId));
  const { scroller, content } = useAutoscroll();
  return (
    <section className="pane peer" aria-label="Plain reader" data-testid="peer">
      <h2 className="pane-title">Plain reader</h2>
      <div className="peer-scroll" ref={scroller} tabIndex={0} role="region" aria-label="Messages of the plain reader">
        <div className="peer-content" ref={content}>
          {answer ? (
            <Exchange answer={answer} />
          ) : (
            <p className="peer-empty">The next message is asked here too, through what most chats have: a fetch, a loop, three retries.</p>
          )}
        </div>
      </div>
      {answer && <Outcome answer={answer} />}
    </section>
  );
}

function Exchange({ answer }: { answer: PeerAnswer }) {
  const { options } = useChat();
  return (
    <>
      <div className="question-bubble peer-question">{answer.question}</div>
      <article className="answer" aria-label="Answer of the plain reader" data-testid="peer-answer">
        <TextPart text={answer.text} view={options.view} />
      </article>
    </>
  );
}

const CLAIMS: Readonly<Record<PeerAnswer["claim"], string>> = {
  writing: "Live",
  retrying: "Sends the message again",
  complete: "Answer complete",
  failed: "Failed",
};

function Outcome({ answer: { claim, posts, text, message, sessionId } }: { answer: PeerAnswer }) {
  const ended = claim === "complete" || claim === "failed";
  const stored = useStored(ended ? sessionId : null, "all", `${claim} ${posts}`);
  return (
    <div className="pane-foot">
      <p className={`peer-claim peer-claim-${claim}`} data-testid="peer-claim" data-claim={claim}>
        {CLAIMS[claim]}
        {message && `: ${message}`}
        {posts > 1 && ` (sent ${posts} times)`}
      </p>
      <Verdict shown={{ text, claim: claim === "retrying" ? "writing" : claim }} stored={stored} testId="peer-verdict" />
    </div>
  );
}
