// What a page should show for what is stored, and how that which it shows differs.
//
// A backend may store an answer as one message or each step of it, and a page may show either; so rows are compared by turn:
// the question, the text, the calls and the responses, each in its order.

/** @returns {[string, string][]} Kind and text. */
export function rowsOf(stored) {
  return stored.flatMap(({ role, content, tool_calls: calls }) => {
    if (role === "user") return [["user", content.replace(/^\[Page: [^\]]*\]\n[^]*?\n\n/, "")]];
    if (role === "tool") return [["tool_response", content]];
    const called = (calls ?? []).map((call) => ["tool_call", call.function.name]);
    return content ? [["assistant", content], ...called] : called;
  });
}

/** Returns the differences as texts. With `cutShort` the last answer may be incomplete or missing. */
export function differences(shown, wanted, cutShort) {
  const [is, should] = [turnsOf(shown), turnsOf(wanted)];
  if (JSON.stringify(is) === JSON.stringify(should)) return [];
  if (cutShort) return isPart(is, should) ? [] : ["another text"];
  const said = [
    ...compared("a question", questionsIn(is), questionsIn(should)),
    ...compared("a tool row", toolRowsIn(is), toolRowsIn(should)),
    ...compared("text", textIn(is).length, textIn(should).length),
  ];
  return said.length > 0 ? said : ["other rows"];
}

function turnsOf(rows) {
  const turns = [];
  for (const [kind, text] of rows) {
    if (kind === "user" || turns.length === 0) turns.push({ question: "", text: "", calls: [], responses: [] });
    const turn = turns.at(-1);
    if (kind === "user") turn.question = text;
    else if (kind === "assistant") turn.text += text;
    else if (kind === "tool_call") turn.calls.push(text);
    else turn.responses.push(kind === "tool_response" ? sorted(text) : kind);
  }
  return turns;
}

/** Returns JSON text with sorted keys. */
function sorted(text) {
  return JSON.stringify(JSON.parse(text), (_, value) => (value?.constructor === Object ? Object.fromEntries(Object.entries(value).sort()) : value));
}

const questionsIn = (turns) => turns.length;
const toolRowsIn = (turns) => turns.reduce((sum, { calls, responses }) => sum + calls.length + responses.length, 0);
const textIn = (turns) => turns.map(({ text }) => text).join("");

function compared(what, is, should) {
  if (is === should) return [];
  return [`${what} ${is > should ? "twice" : "is missing"}`];
}

function isPart(is, should) {
  return is.length === should.length && is.at(-1).question === should.at(-1).question && textIn(should).startsWith(textIn(is));
}
