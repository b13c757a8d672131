// Records what `rejoin` delivers in the trace: its chunks, the duplicates that it has dropped, and the tab that owns the stream.
import type { ChatStreams } from "rejoin";
import type { Recorder } from "./recorder";

export function watchStream(streams: ChatStreams, recorder: Recorder, sessionId: string): void {
  const trace = () => recorder.trace("rejoin", sessionId);
  let duplicates = streams.getMetrics(sessionId).duplicates;
  let { role } = streams.getSnapshot(sessionId);

  const noteDuplicates = () => {
    const now = streams.getMetrics(sessionId).duplicates;
    if (now > duplicates) trace().mark("dropped", `${now - duplicates} duplicate${now - duplicates === 1 ? "" : "s"} dropped`);
    duplicates = now;
  };
  const noteRole = () => {
    const now = streams.getSnapshot(sessionId).role;
    if (now !== role) trace().mark(now, now === "owner" ? "This tab owns the connection" : "Another tab owns the connection");
    role = now;
  };

  streams.subscribeToStream(sessionId, {
    onBatch(chunks) {
      trace().chunks(chunks.length);
      trace().cursor = chunks.findLast((chunk) => chunk.eventId)?.eventId ?? trace().cursor;
      noteDuplicates();
      recorder.changed();
    },
    onReset() {
      trace().mark("reset", "Starts over from the beginning");
      recorder.changed();
    },
  });
  streams.onSnapshot(sessionId, () => {
    noteDuplicates();
    noteRole();
    recorder.changed();
  });
}
