// The state of an open chat: the stored rows, those of the stream, and the text that is being written.

import { createStreamEventDispatcher, mergeMessages, RejoinError, type StreamEventDispatcher } from "rejoin";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Container, ContainerArgs } from "../shared/Chat";
import { processInitialMessages, type ChatMessageData } from "../shared/messages";
import { toast } from "../shared/toast";
import { streams } from "./chat-streams";
import { clearText, createHandlers, handleReset, handleTextEnded, type HandlerDependencies } from "./handlers";
import { useChatStream } from "./useChatStream";

export function useChatContainer({ sessionId, initialMessages, activeStream, onOperationStarted, onStreamEnd }: ContainerArgs): Container {
  const [messages, setMessages] = useState<ChatMessageData[]>([]);
  const [streamingChunks, setStreamingChunks] = useState<string[]>([]);
  const [isStreaming, setIsStreaming] = useState(false);
  const [, setIsRegionBlockedModalOpen] = useState(false);
  const streamingChunksRef = useRef<string[]>([]);
  const hasResponseRef = useRef(false);
  const taskIdRef = useRef("");
  const toolNamesRef = useRef(new Map<string, string>());
  const onStreamEndRef = useRef(onStreamEnd);
  const { sendMessage: sendStreamMessage, stopStreaming } = useChatStream();
  const isReady = useIsReady();

  useEffect(() => {
    onStreamEndRef.current = onStreamEnd;
  });

  useEffect(
    function followSession() {
      const deps: HandlerDependencies = {
        setStreamingChunks,
        setMessages,
        setIsRegionBlockedModalOpen,
        streamingChunksRef,
        hasResponseRef,
        taskIdRef,
        toolNamesRef,
        onOperationStarted,
      };
      // Created with the first chunk, when the WebAssembly is certainly loaded, and again when the stream starts over.
      let dispatch: StreamEventDispatcher | undefined;
      setMessages([]);
      clearText(deps);
      const leave = streams.subscribeToStream(
        sessionId,
        {
          onBatch: (chunks) => (dispatch ??= createStreamEventDispatcher(createHandlers(deps)))(chunks),
          onReset() {
            dispatch = undefined;
            handleReset(deps);
          },
          onStatus: () => setIsStreaming(streams.isStreaming(sessionId)),
        },
        { replay: true },
      );
      const forget = streams.onStreamComplete((completedId, outcome) => {
        if (completedId !== sessionId || outcome.kind === "superseded") return;
        // The log had lost the beginning of the answer, but the session has all of it.
        if (outcome.truncated) handleReset(deps);
        handleTextEnded(deps);
        onStreamEndRef.current();
        if (outcome.operation) void streams.resumeSession(sessionId);
      });
      const ignore = streams.onTurn((sentId, turn) => {
        if (sentId === sessionId && turn.from === "tab") setMessages((previous) => [...previous, { type: "message", role: "user", content: turn.text }]);
      });
      setIsStreaming(streams.isStreaming(sessionId));
      void streams.resumeSession(sessionId).then((outcome) => {
        // Nothing is running any more, but the session may have been loaded while something was, without its answer.
        if (outcome === null) onStreamEndRef.current();
      });
      return () => {
        leave();
        forget();
        ignore();
      };
    },
    [sessionId, onOperationStarted],
  );

  const allMessages = useMemo(() => {
    const stored = processInitialMessages(initialMessages);
    return isReady ? mergeMessages(stored, messages, { activeStream }) : [...stored, ...messages];
  }, [initialMessages, messages, activeStream, isReady]);

  async function sendMessage(content: string, isUserMessage = true, context?: { url: string; content: string }) {
    const question: ChatMessageData = { type: "message", role: "user", content };
    if (isUserMessage) setMessages((previous) => [...previous, question]);
    try {
      await sendStreamMessage(sessionId, content, isUserMessage, context);
    } catch (error) {
      // An answer is being written, perhaps to another tab's message, so nothing was sent.
      if (error instanceof RejoinError && error.code === "TASK_RUNNING") setMessages((previous) => previous.filter((row) => row !== question));
      toast.error("Failed to send message", { description: error instanceof Error ? error.message : "Please try again" });
    }
  }

  return { messages: allMessages, streamingChunks, isStreaming, sendMessage, stopStreaming: () => stopStreaming(sessionId) };
}

function useIsReady(): boolean {
  const [isReady, setIsReady] = useState(false);
  useEffect(() => {
    streams.ready.then(() => setIsReady(true), () => {});
  }, []);
  return isReady;
}
