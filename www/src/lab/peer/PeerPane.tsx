// Shows the same question through another reader, beside the chat.
import { lazy, Suspense } from "react";
import { useChats } from "../../app/context";
import { TextPart } from "../../app/parts/TextPart";
import { useAutoscroll } from "../../hooks/useAutoscroll";
import { useStore } from "../../store";
import { useLab } from "../context";
import type { PeerAnswer, PeerKind } from "./peer";
import { useStored } from "./useStored";
import { Verdict } from "./Verdict";

/** Loaded when it is chosen, because it brings the AI SDK. */
const UseChatReader = lazy(() => import("./UseChatReader"));

export const PEER_NAMES: Readonly<Record<PeerKind, string>> = { plain: "plain reader", useChat: "useChat" };

const EXPLAINED: Readonly<Record<PeerKind, string>> = {
  plain: "The next message is asked here too, through what most chats have: a fetch, a loop, three retries.",
  useChat: "The next message is asked here too, through the AI SDK's useChat with its own transport.",
};

export function PeerPane({ chatId }: { chatId: string }) {
  const { peer } = useLab();
  const answer = useStore(peer.answer(chatId));
  const chosen = useStore(peer.kind);
  const kind = answer?.by ?? chosen;
  const name = PEER_NAMES[kind];
  return (
    <section className="pane peer" aria-label={`The other reader: ${name}`} data-testid="peer">
      <h2 className="pane-title">{name}</h2>
      {answer === null ? (
        <p className="peer-content peer-empty">{EXPLAINED[kind]}</p>
      ) : answer.by === "plain" ? (
        <Reading answer={answer} />
      ) : (
        answer.sessionId !== null && (
          <Suspense>
            <UseChatReader key={answer.sessionId} sessionId={answer.sessionId} answer={answer} chatId={chatId} />
          </Suspense>
        )
      )}
    </section>
  );
}

/** Shows the exchange and the verdict on it. */
export function Reading({ answer }: { answer: PeerAnswer }) {
  const { scroller, content } = useAutoscroll();
  const { view } = useChats().options;
  return (
    <>
      <div className="peer-scroll" ref={scroller} tabIndex={0} role="region" aria-label="Messages of the other reader">
        <div className="peer-content" ref={content}>
          <div className="question-bubble peer-question">{answer.question.text}</div>
          <article className="answer" aria-label="Answer of the other reader" data-testid="peer-answer">
            <TextPart text={answer.text} view={view} />
          </article>
        </div>
      </div>
      <Outcome answer={answer} />
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
