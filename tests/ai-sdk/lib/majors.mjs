// The three majors of the AI SDK as they are published.

export const majors = await Promise.all(
  [5, 6, 7].map(async (major) => ({ major, ai: await import(`../ai-${major}/index.mjs`) })),
);

/** The earliest minor of each major, for which the statements about a target hold as well. */
export const earliest = await Promise.all(
  [5, 6, 7].map(async (major) => ({ major, ai: await import(`../ai-${major}.0.0/index.mjs`) })),
);

/** Returns what a major's parser makes of chunks, after those of an earlier message. Throws what the parser throws. */
export async function read(ai, stream, before) {
  let message = before;
  for await (const state of ai.readUIMessageStream({ stream, message: before, terminateOnError: true })) message = state;
  return message && plain(message);
}

/** Removes fields that are undefined, which a stored message does not have. */
export function plain(message) {
  return JSON.parse(JSON.stringify(message));
}

/** Returns chunks as a stream for a parser. */
export function streamOf(chunks) {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}
