// A second, slow implementation of PROTOCOL §3: what the streaming client makes of a frame.

const LEGACY = /^(text_chunk|text_ended|tool_call|tool_call_start|tool_response|login_needed|need_login|credentials_needed|usage|stream_end)$/;
const CARRIED =
  /^(reasoning-(start|delta|end|file)|tool-input-(delta|error)|tool-output-(error|denied)|tool-approval-(request|response)|source-(url|document)|file|custom|data-.*|(start|finish|reset)-step|message-metadata|abort|steering-message)$/;

/** Returns the chunk for the data of an event, the malformed frame, or neither. */
export function expected(data, added = {}) {
  let frame;
  try {
    frame = JSON.parse(data);
  } catch {
    return { malformed: { data, reason: "not JSON" } };
  }
  if (typeof frame?.type !== "string") return { malformed: { data, reason: "no string type" } };
  const chunk = normalised(frame);
  return chunk === null ? {} : { chunk: Object.assign(chunk, added) };
}

function normalised({ type, ...rest }) {
  const renamed = (to, names, more = {}) => {
    const isRenamed = (name) => Object.hasOwn(names, name);
    const taken = Object.keys(names).filter((name) => Object.hasOwn(rest, name)).map((name) => names[name]);
    const members = Object.entries(rest)
      .filter(([name]) => isRenamed(name) || !taken.includes(name))
      .map(([name, value]) => [isRenamed(name) ? names[name] : name, value]);
    return { type: to, ...Object.fromEntries(members), ...more };
  };
  switch (type) {
    case "start":
      if (rest.taskId) return renamed("stream_start", {});
      return Object.keys(rest).length > 0 ? { type, ...rest } : null;
    case "text-start":
      return null;
    case "text-delta":
      return renamed("text_chunk", { id: "blockId", delta: "content" });
    case "text-end":
      return renamed("text_ended", { id: "blockId" });
    case "tool-input-start":
      return renamed("tool_call_start", { toolCallId: "tool_id", toolName: "tool_name" }, { arguments: {}, inputState: "streaming" });
    case "tool-input-available":
      return renamed("tool_call_start", { toolCallId: "tool_id", toolName: "tool_name", input: "arguments" });
    case "tool-output-available":
      return renamed("tool_response", { toolCallId: "tool_id", toolName: "tool_name", output: "result" }, { success: rest.success ?? true });
    case "finish":
      return renamed("stream_end", {});
    case "error":
      return "message" in rest || "content" in rest ? { type, ...rest } : renamed("error", { errorText: "message" });
    default:
      return LEGACY.test(type) || CARRIED.test(type) ? { type, ...rest } : { type, ...rest, unknown: true };
  }
}
