// The rows that a page should show for what is stored, and how those that it shows differ.

/** @returns {[string, string][]} Kind and text. */
export function rowsOf(stored) {
  return stored.flatMap(({ role, content, tool_calls: calls }) => {
    if (role === "user") return [["user", content.replace(/^\[Page: [^\]]*\]\n[^]*?\n\n/, "")]];
    if (role === "tool") return [["tool_response", JSON.stringify(JSON.parse(content))]];
    const called = (calls ?? []).map((call) => ["tool_call", call.function.name]);
    return content ? [["assistant", content], ...called] : called;
  });
}

/** In words. With `cutShort` the last answer may be a part of the one that is stored, or missing. */
export function differences(shown, wanted, cutShort) {
  if (cutShort) return isPart(shown, wanted) ? [] : ["another text"];
  if (JSON.stringify(shown) === JSON.stringify(wanted)) return [];
  const count = (rows, kinds) => rows.filter(([kind]) => kinds.includes(kind)).length;
  const length = (rows) => rows.filter(([kind]) => kind === "assistant").reduce((sum, [, text]) => sum + text.length, 0);
  const said = [];
  for (const [name, kinds] of [["question", ["user"]], ["tool row", ["tool_call", "tool_response", "operation_started", "operation_pending"]]]) {
    if (count(shown, kinds) > count(wanted, kinds)) said.push(`a ${name} twice`);
    if (count(shown, kinds) < count(wanted, kinds)) said.push(`a ${name} is missing`);
  }
  if (length(shown) > length(wanted)) said.push("text twice");
  if (length(shown) < length(wanted)) said.push("text is missing");
  return said.length > 0 ? said : ["other rows"];
}

function isPart(shown, wanted) {
  const text = (rows) => rows.filter(([kind]) => kind === "assistant").map(([, content]) => content).join("");
  const users = (rows) => JSON.stringify(rows.filter(([kind]) => kind === "user"));
  return text(wanted).startsWith(text(shown)) && users(shown) === users(wanted);
}
