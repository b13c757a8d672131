/** The answer that a stream writes, as a message of the list: under one key from its first chunk on, after what it continues. */

import { callsOf } from "../calls.js";
import { defined } from "../../streams/defined.js";
import type { CallPart } from "../calls.js";
import type { UIMessage } from "../../types/index.js";

/** One answer while its stream runs. */
export interface Answer<MESSAGE extends UIMessage> {
  readonly key: string;
  /** The message that the stream continues, as it was when that began. */
  base: MESSAGE | undefined;
}

/**
 * Returns the message to show for what the stream has given so far. A continuation repeats the results of the calls that it goes on
 * with, and has parts of its own after them.
 */
export function shownAnswer<MESSAGE extends UIMessage>({ key: id, base }: Answer<MESSAGE>, source: UIMessage): MESSAGE {
  if (!base) return { ...(source as MESSAGE), id };
  const results = new Map(callsOf([source]).map((call) => [call.toolCallId, call]));
  const parts = (base.parts as unknown as CallPart[]).map((part) => withResult(part, results.get(part.toolCallId)));
  const known = new Set(callsOf([base]).map(({ toolCallId }) => toolCallId));
  const added = (source.parts as unknown as CallPart[]).filter(({ toolCallId }) => !known.has(toolCallId));
  return { ...base, ...defined({ metadata: source.metadata }), id, parts: [...parts, ...added] } as unknown as MESSAGE;
}

/** The state of a call and what it has in that state. The rest of the part is the continued message's. */
function withResult(part: CallPart, result: CallPart | undefined): CallPart {
  if (!result?.state || result.state.startsWith("input-")) return part;
  const { state, output, errorText, preliminary, approval = part.approval, resultProviderMetadata = part["resultProviderMetadata"] } = result;
  return defined({ ...part, state, output, errorText, preliminary, resultProviderMetadata, approval: approval && { ...part.approval, ...approval } });
}
