// As much of CoPilot's store as the "before" blocks of the migration guide call.
interface Store {
  startStream(sessionId: string, message: string, isUserMessage: boolean, context?: { url: string; content: string }, onChunk?: (chunk: unknown) => void): Promise<void>;
  setActiveTask(sessionId: string, task: { taskId: string; operationId: string; toolName: string; lastMessageId: string }): void;
}

export declare const useChatStore: { getState(): Store };
