// A minimal reader of the server's streams, so that a test sees exactly what the server sends.

/** Sends a message. Returns its task and its chunks. */
export async function send(server, session, message, more = {}) {
  const response = await fetch(`${server.url}/api/chat/sessions/${session}/stream`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message, ...more }),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return { task: response.headers.get("x-task-id"), chunks: chunksOf(response.body) };
}

/** Joins a task's stream from its beginning. */
export async function join(server, task) {
  const response = await fetch(`${server.url}/api/chat/tasks/${task}/stream`);
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return chunksOf(response.body);
}

/** Yields the chunks of a body, each with the id of its event, until the body ends or breaks. */
export async function* chunksOf(body) {
  let text = "";
  try {
    for await (const part of body.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + part).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const data = block.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
        if (data && data !== "[DONE]") yield JSON.parse(data);
      }
    }
  } catch (error) {
    if (error.name !== "TypeError") throw error;
  }
}

export async function all(chunks) {
  const list = [];
  for await (const chunk of chunks) list.push(chunk);
  return list;
}

/** Reads chunks up to the first that is wanted. The rest can still be read. */
export async function until(chunks, isWanted) {
  const list = [];
  for (;;) {
    const { value, done } = await chunks.next();
    if (done) throw new Error(`It did not come: ${JSON.stringify(list)}`);
    list.push(value);
    if (isWanted(value)) return list;
  }
}

export const textOf = (chunks) => chunks.map(({ type, delta, content }) => (type === "text-delta" ? delta : type === "text_chunk" ? content : "")).join("");

export async function createSession(server) {
  const response = await fetch(`${server.url}/api/chat/sessions`, { method: "POST" });
  return (await response.json()).id;
}

export async function ask(server, path, init) {
  const response = await fetch(`${server.url}/api/chat${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

export async function storedText(server, session) {
  const { messages } = await ask(server, `/sessions/${session}`);
  return messages.findLast(({ role }) => role === "assistant")?.content;
}

/** Reports the end of an operation. */
export function complete(server, operation, result) {
  return ask(server, `/operations/${operation}/complete`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": "k" },
    body: JSON.stringify({ success: true, result }),
  });
}
