// The three majors of the AI SDK, as they are published.

export const majors = await Promise.all(
  [5, 6, 7].map(async (major) => ({ major, ai: await import(`../ai-${major}/index.mjs`) })),
);

/** The earliest minor of each: what is said of a target holds for these, too. */
export const earliest = await Promise.all(
  [5, 6, 7].map(async (major) => ({ major, ai: await import(`../ai-${major}.0.0/index.mjs`) })),
);

/** What the majors' parsers make of chunks, after those that made a message; throws what they throw. */
export async function read(ai, stream, before) {
  let message = before;
  for await (const state of ai.readUIMessageStream({ stream, message: before, terminateOnError: true })) message = state;
  return message && plain(message);
}

/** Without members that are undefined: a message that was stored and loaded has none. */
export function plain(message) {
  return JSON.parse(JSON.stringify(message));
}

/** Chunks as a stream, for a parser. */
export function streamOf(chunks) {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}
