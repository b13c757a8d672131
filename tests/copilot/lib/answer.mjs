// What the test backend and the test agent answer: always the same for the same message. The message says what, in order:
// `/tokens N` is a block of N text chunks, `/tool NAME` a call with its result, `/operation NAME` a call whose result comes
// in a task of its own. `/pace MS` is the time between two chunks, `/legacy` the other dialect, `/error CODE` a bad end,
// `/extras` adds sources, files and usage.

const EXTRAS = [
  { type: "source-url", sourceId: "s1", url: "https://html.spec.whatwg.org/multipage/", title: "HTML Standard" },
  { type: "source-url", sourceId: "s2", url: "javascript:alert(1)", title: "No link" },
  { type: "source-document", sourceId: "s3", mediaType: "application/pdf", title: "Annual report" },
  { type: "file", url: "data:text/plain,hello", mediaType: "text/plain" },
  { type: "usage", promptTokens: 1200, completionTokens: 34, totalTokens: 1234 },
];

/**
 * @typedef {{ role: "assistant" | "tool", content: string, tool_calls?: object[], tool_call_id?: string, name?: string }} Stored
 * @typedef {object} Entry One chunk of the log.
 * @property {object} chunk
 * @property {string} [text] What it adds to the text of the step.
 * @property {Stored} [stores] The message that is whole with it. That of a step's text has the text up to here.
 * @property {{ operationId: string, taskId: string, toolName: string, callId: string }} [begins] The operation that begins.
 *
 * @typedef {object} Form How the backend writes.
 * @property {"text" | "value"} toolOutput Whether a tool's output is JSON text.
 * @property {(what: string) => string} id Gives ids of calls, operations and tasks.
 */

/** @returns {{ entries: Entry[], paceMs: number, code: string | undefined }} */
export function answerTo(message, form) {
  const dialect = message.includes("/legacy") ? legacy : current;
  const option = (name) => new RegExp(`/${name} (\\S+)`).exec(message)?.[1];
  const code = option("error");
  const steps = stepsOf(message);
  const entries = steps.flatMap((step, at) => writeStep(step, at, { message, dialect, form }));
  const extras = message.includes("/extras") ? EXTRAS.map((chunk) => ({ chunk })) : [];
  const stores = !code && steps.at(-1).kind === "tokens" ? { role: "assistant", content: "" } : undefined;
  return { entries: [...entries, ...extras, { chunk: dialect.end(code), stores }], paceMs: Number(option("pace") ?? 0), code };
}

/** What an operation's task writes once its result is there. @returns {Entry[]} */
export function operationAnswer({ callId, toolName }, result, form) {
  const output = form.toolOutput === "text" ? JSON.stringify(result) : result;
  return [
    { chunk: current.result(callId, output) },
    { chunk: { type: "start", messageId: form.id("message"), taskId: null } },
    ...writeText(`${toolName} is done: `, 8, current, "after"),
    { chunk: current.end(), stores: { role: "assistant", content: "" } },
  ];
}

function stepsOf(message) {
  const found = [...message.matchAll(/\/(tokens|tool|operation) (\S+)/g)].map(([, kind, value]) => ({ kind, value }));
  return found.some(({ kind }) => kind === "tokens") ? found : [...found, { kind: "tokens", value: "20" }];
}

function writeStep({ kind, value }, at, { message, dialect, form }) {
  // An answer quotes its question, so that no two answers are equal.
  if (kind === "tokens") return writeText(`${message.split(" /")[0]} ${at}: `, Number(value), dialect, String(at));
  const callId = form.id("call");
  const begins = kind === "operation" ? { operationId: form.id("operation"), taskId: form.id("task"), toolName: value, callId } : undefined;
  const result = begins ? startedBy(begins) : { type: "search_results", found: 2 };
  const output = form.toolOutput === "text" ? JSON.stringify(result) : result;
  const calls = [{ id: callId, type: "function", function: { name: value, arguments: '{"q":"x"}' } }];
  const content = JSON.stringify(begins ? { ...result, type: "operation_pending" } : result);
  const [opened, called] = dialect.call(callId, value);
  return [
    ...(opened ? [{ chunk: opened }] : []),
    { chunk: called, stores: { role: "assistant", content: "", tool_calls: calls } },
    { chunk: dialect.result(callId, output), stores: { role: "tool", content, tool_call_id: callId, name: value }, begins },
  ];
}

function startedBy({ operationId, taskId, toolName }) {
  return { type: "operation_started", operation_id: operationId, task_id: taskId, tool_name: toolName, message: "It runs." };
}

/** Returns equal pieces in sequence, with characters of one to four bytes, which a careless client doubles or breaks. */
function writeText(opening, count, dialect, block) {
  const tokens = [opening, ...Array.from({ length: count - 1 }, (_, nth) => ["ha ", "ha ", `é${nth} `, "👩‍🚀 ", "\n", "data: "][nth % 6])];
  const [begin, end] = [dialect.begin(block), dialect.close(block)];
  return [...(begin ? [{ chunk: begin }] : []), ...tokens.map((text) => ({ chunk: dialect.delta(block, text), text })), { chunk: end }];
}

const current = {
  begin: (id) => ({ type: "text-start", id }),
  delta: (id, delta) => ({ type: "text-delta", id, delta }),
  close: (id) => ({ type: "text-end", id }),
  call: (toolCallId, toolName) => [
    { type: "tool-input-start", toolCallId, toolName },
    { type: "tool-input-available", toolCallId, toolName, input: { q: "x" } },
  ],
  result: (toolCallId, output) => ({ type: "tool-output-available", toolCallId, output }),
  end: (code) => (code ? { type: "error", errorText: "It went wrong.", code } : { type: "finish" }),
};

const legacy = {
  begin: () => undefined,
  delta: (_, content) => ({ type: "text_chunk", content }),
  close: () => ({ type: "text_ended" }),
  call: (tool_id, tool_name) => [undefined, { type: "tool_call_start", tool_id, tool_name, arguments: { q: "x" } }],
  result: (tool_id, result) => ({ type: "tool_response", tool_id, result, success: true }),
  end: (code) => (code ? { type: "error", message: "It went wrong.", code } : { type: "stream_end" }),
};
