// The state of an open chat: the stored rows, those of the stream, and the text that is being written.

import { useEffect, useMemo, useRef, useState } from "react";
import type { Container, ContainerArgs } from "../shared/Chat";
import { isOperation, processInitialMessages, type ChatMessageData } from "../shared/messages";
import { toast } from "../shared/toast";
import { useChatStore } from "./chat-store";
import { createStreamEventDispatcher } from "./createStreamEventDispatcher";
import { useChatStream, type StreamChunk } from "./useChatStream";

const FROM_START = "0-0";

export function useChatContainer({ sessionId, initialMessages, activeStream, onOperationStarted, onStreamEnd }: ContainerArgs): Container {
  const [messages, setMessages] = useState<ChatMessageData[]>([]);
  const [streamingChunks, setStreamingChunks] = useState<string[]>([]);
  const [hasTextChunks, setHasTextChunks] = useState(false);
  const [isStreamingInitiated, setIsStreamingInitiated] = useState(false);
  const [, setIsRegionBlockedModalOpen] = useState(false);
  const streamingChunksRef = useRef<string[]>([]);
  const hasResponseRef = useRef(false);
  const textFinalizedRef = useRef(false);
  const streamEndedRef = useRef(false);
  const previousSessionIdRef = useRef<string | null>(null);
  const connectedStreamRef = useRef<string | null>(null);
  const currentDispatcherIdRef = useRef(0);
  const isMountedRef = useRef(true);
  const { sendMessage: sendStreamMessage, stopStreaming } = useChatStream();
  const activeStreams = useChatStore((store) => store.activeStreams);
  const subscribeToStream = useChatStore((store) => store.subscribeToStream);
  const reconnectToTask = useChatStore((store) => store.reconnectToTask);
  const setActiveTask = useChatStore((store) => store.setActiveTask);
  const getActiveTask = useChatStore((store) => store.getActiveTask);

  useEffect(function trackMounted() {
    isMountedRef.current = true;
    return () => {
      isMountedRef.current = false;
    };
  }, []);

  /** Only the newest dispatcher may change the state. */
  function createDispatcher() {
    const id = ++currentDispatcherIdRef.current;
    const dispatch = createStreamEventDispatcher({
      setHasTextChunks,
      setStreamingChunks,
      setMessages,
      setIsStreamingInitiated,
      setIsRegionBlockedModalOpen,
      streamingChunksRef,
      hasResponseRef,
      textFinalizedRef,
      streamEndedRef,
      onOperationStarted,
      onStreamEnd,
      onActiveTaskStarted: (task) => setActiveTask(sessionId, { ...task, lastMessageId: FROM_START }),
    });
    return (chunk: StreamChunk) => {
      if (isMountedRef.current && id === currentDispatcherIdRef.current) dispatch(chunk);
    };
  }

  function clearStream() {
    setStreamingChunks([]);
    streamingChunksRef.current = [];
    setHasTextChunks(false);
    hasResponseRef.current = false;
    textFinalizedRef.current = false;
    streamEndedRef.current = false;
  }

  function reconnect(taskId: string, lastMessageId: string) {
    setMessages([]);
    clearStream();
    setIsStreamingInitiated(true);
    void reconnectToTask(sessionId, taskId, lastMessageId, createDispatcher());
  }

  useEffect(
    function handleSessionChange() {
      const isSessionChange = sessionId !== previousSessionIdRef.current;
      if (isSessionChange) {
        if (previousSessionIdRef.current) stopStreaming(previousSessionIdRef.current);
        previousSessionIdRef.current = sessionId;
        connectedStreamRef.current = null;
        setMessages([]);
        clearStream();
        setIsStreamingInitiated(false);
      }

      if (activeStream) {
        const key = `${sessionId}:${activeStream.task_id}`;
        if (connectedStreamRef.current === key) return;
        connectedStreamRef.current = key;
        if (activeStreams.get(sessionId)?.status === "streaming") return;
        if (streamEndedRef.current || textFinalizedRef.current) return;
        setActiveTask(sessionId, {
          taskId: activeStream.task_id,
          operationId: activeStream.operation_id ?? "",
          toolName: activeStream.tool_name ?? "",
          lastMessageId: activeStream.last_message_id,
        });
        return reconnect(activeStream.task_id, activeStream.last_message_id);
      }

      if (!isSessionChange) return;
      const task = getActiveTask(sessionId);
      if (task) return reconnect(task.taskId, task.lastMessageId);
      if (activeStreams.get(sessionId)?.status !== "streaming") return;
      setIsStreamingInitiated(true);
      return subscribeToStream(sessionId, createDispatcher(), initialMessages.length > 0);
    },
    [sessionId, activeStream, activeStreams],
  );

  const finishedTools = useMemo(() => {
    const rows = processInitialMessages(initialMessages);
    return new Set(rows.flatMap((row) => (row.type === "tool_response" ? [row.toolId] : [])));
  }, [initialMessages]);

  const allMessages = useMemo(() => {
    const stored = processInitialMessages(initialMessages);
    const known = new Set(stored.map(keyOf));
    const added = messages.filter((row) => !(isOperation(row) && finishedTools.has(row.toolId)) && !known.has(keyOf(row)));
    return withoutDominated([...stored, ...added]);
  }, [initialMessages, messages, finishedTools]);

  async function sendMessage(content: string, isUserMessage = true, context?: { url: string; content: string }) {
    if (isUserMessage) setMessages((previous) => [...previous, { type: "message", role: "user", content }]);
    clearStream();
    setIsStreamingInitiated(true);
    try {
      await sendStreamMessage(sessionId, content, createDispatcher(), isUserMessage, context);
    } catch (error) {
      setIsStreamingInitiated(false);
      toast.error("Failed to send message", { description: error instanceof Error ? error.message : "Please try again" });
    }
  }

  function handleStopStreaming() {
    stopStreaming();
    setStreamingChunks([]);
    streamingChunksRef.current = [];
    setHasTextChunks(false);
    setIsStreamingInitiated(false);
  }

  return { messages: allMessages, streamingChunks, isStreaming: isStreamingInitiated || hasTextChunks, sendMessage, stopStreaming: handleStopStreaming };
}

/** Returns the key of a row. Rows with one key are the same row. */
function keyOf(row: ChatMessageData): string {
  if (row.type === "message") return `message:${row.role}:${row.content}`;
  return isOperation(row) ? `operation:${row.toolId}` : `${row.type}:${row.toolId}`;
}

/** Removes answers that are prefixes of longer ones, which count as earlier states of them. */
function withoutDominated(rows: ChatMessageData[]): ChatMessageData[] {
  const answers = rows.flatMap((row) => (row.type === "message" && row.role === "assistant" ? [row.content] : []));
  return rows.filter((row) => {
    if (row.type !== "message" || row.role !== "assistant") return true;
    return !answers.some((other) => other.length > row.content.length && other.startsWith(row.content.slice(0, 100)));
  });
}
