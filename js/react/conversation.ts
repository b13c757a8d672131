/** Implements `useConversation`, the hook for a whole chat. */

import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { acquire, hold, known } from "./shared.js";
import type {
  ChatStreams, Conversation, ConversationEvents, ConversationOptions, ConversationSnapshot, UIMessage,
} from "../types/index.js";

/** The callbacks of `useConversation`, and whether it resumes. The functions of the latest render are called. */
export interface UseConversationEvents {
  /** Whether the hook joins a running task when the component mounts. */
  resume?: boolean;
  /** Called when a turn has ended, whoever began it. */
  onFinish?: ConversationEvents["finish"];
  /** Called when a turn or a load has failed. */
  onError?: ConversationEvents["error"];
  /** Called when the input of a tool call is complete. */
  onToolCall?: ConversationEvents["toolCall"];
  /** Called for each data part. */
  onData?: ConversationEvents["data"];
}

/** The options of `useConversation`. Those of the conversation itself count when it is created, at the first mount. */
export interface UseConversationOptions<MESSAGE extends UIMessage = UIMessage> extends ConversationOptions<MESSAGE>, UseConversationEvents {}

/** The actions of a conversation, which stay the same for a session. */
type Actions<MESSAGE extends UIMessage> = Pick<Conversation<MESSAGE>, (typeof ACTIONS)[number]>;

/** The result of `useConversation`: the snapshot and the actions. */
export interface UseConversation<MESSAGE extends UIMessage = UIMessage> extends ConversationSnapshot<MESSAGE>, Actions<MESSAGE> {}

const ACTIONS = [
  "send", "regenerate", "edit", "addToolOutput", "respondToApproval", "retry", "resume", "stop", "refresh", "setMessages",
  "removeQueued", "clearError",
] as const;

/** Where a hook finds its conversation. */
interface Source<MESSAGE extends UIMessage> {
  /** Returns the conversation if it has been created. */
  find(): Conversation<MESSAGE> | undefined;
  /** Returns the conversation. It is not called during rendering. */
  get(): Conversation<MESSAGE>;
  /** Keeps the conversation until the returned function is called. */
  hold(): () => void;
  /** The snapshot that a server has rendered, if it does not come from the hook's own `initialMessages`. */
  readonly atServer?: ConversationSnapshot<MESSAGE>;
}

/** Returns the chat of a session. Components that show the same session of the same client share one conversation. */
export function useConversation<MESSAGE extends UIMessage = UIMessage>(
  streams: ChatStreams,
  sessionId: string,
  options?: UseConversationOptions<MESSAGE>,
): UseConversation<MESSAGE>;
/** Shows a conversation that the app has created and disposes of itself. */
export function useConversation<MESSAGE extends UIMessage = UIMessage>(
  conversation: Conversation<MESSAGE>,
  options?: UseConversationEvents,
): UseConversation<MESSAGE>;
export function useConversation<MESSAGE extends UIMessage = UIMessage>(
  source: ChatStreams | Conversation<MESSAGE>,
  second?: string | UseConversationEvents,
  third?: UseConversationOptions<MESSAGE>,
): UseConversation<MESSAGE> {
  const sessionId = typeof second === "string" ? second : undefined;
  const options = (sessionId === undefined ? second : third) as UseConversationOptions<MESSAGE> | undefined;
  const latest = useRef(options);
  const place = useMemo<Source<MESSAGE>>(() => {
    if (sessionId === undefined) return given(source as Conversation<MESSAGE>);
    const streams = source as ChatStreams;
    return {
      find: () => known(streams, sessionId),
      get: () => acquire(streams, sessionId, latest.current ?? {}),
      hold: () => hold(streams, sessionId, latest.current ?? {}),
    };
  }, [source, sessionId]);
  useEffect(() => void (latest.current = options));
  const snapshot = useSnapshot(place, options?.initialMessages);
  useEvents(place, latest, options?.resume === true);
  const actions = useMemo(() => actionsOf(place), [place]);
  return useMemo(() => ({ ...snapshot, ...actions }), [snapshot, actions]);
}

function given<MESSAGE extends UIMessage>(conversation: Conversation<MESSAGE>): Source<MESSAGE> {
  return { find: () => conversation, get: () => conversation, hold: () => () => {}, atServer: conversation.getServerSnapshot() };
}

function useSnapshot<MESSAGE extends UIMessage>(
  place: Source<MESSAGE>,
  initial: readonly MESSAGE[] | undefined,
): ConversationSnapshot<MESSAGE> {
  const store = useMemo(() => {
    const before = empty(initial, initial ? "ready" : "loading");
    const atServer = place.atServer ?? empty(initial, "ready");
    const subscribe = (changed: () => void): (() => void) => {
      const release = place.hold();
      const end = place.get().subscribe(changed);
      return () => {
        end();
        release();
      };
    };
    return { subscribe, read: () => place.find()?.getSnapshot() ?? before, readAtServer: () => atServer };
  }, [place]);
  return useSyncExternalStore(store.subscribe, store.read, store.readAtServer);
}

/** The snapshot of a conversation that has not been created. */
function empty<MESSAGE extends UIMessage>(
  messages: readonly MESSAGE[] | undefined,
  status: "loading" | "ready",
): ConversationSnapshot<MESSAGE> {
  return { messages: messages ?? [], delivery: {}, status, isRunning: false, attempt: 0, role: "owner" };
}

/** Calls the latest callbacks, and resumes. In StrictMode the second resume joins the first. */
function useEvents<MESSAGE extends UIMessage>(
  place: Source<MESSAGE>,
  latest: { readonly current: UseConversationEvents | undefined },
  isResumed: boolean,
): void {
  useEffect(() => {
    const conversation = place.get();
    const ends = [
      conversation.on("finish", (outcome) => latest.current?.onFinish?.(outcome)),
      conversation.on("error", (error) => latest.current?.onError?.(error)),
      conversation.on("toolCall", (call) => latest.current?.onToolCall?.(call)),
      conversation.on("data", (part) => latest.current?.onData?.(part)),
    ];
    return () => ends.forEach((end) => end());
  }, [place]);
  useEffect(() => {
    if (isResumed) place.get().resume().catch(() => {});
  }, [place, isResumed]);
}

/** Binds the actions to the conversation that the place has when they are called. */
function actionsOf<MESSAGE extends UIMessage>(place: Source<MESSAGE>): Actions<MESSAGE> {
  const actions = ACTIONS.map((name) => [name, (...given: never[]) => (place.get()[name] as (...given: never[]) => unknown)(...given)]);
  return Object.fromEntries(actions) as Actions<MESSAGE>;
}
