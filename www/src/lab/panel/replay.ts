// Replays an answer of many thousand chunks that arrive all at once, as after a night with the lid closed.
import type { Lab } from "../lab";
import { show } from "../../route";
import { Store } from "../../store";
import { FrameMeter, type Smoothness } from "./frames";

export type ReplayState =
  | { readonly kind: "idle" }
  | { readonly kind: "writing" }
  | { readonly kind: "replaying" }
  | { readonly kind: "failed"; readonly code: string }
  | {
      readonly kind: "done";
      /** Chunks that were delivered one by one, and how long that took, in ms. */
      readonly chunks: number;
      readonly ms: number;
      readonly smoothness: Smoothness;
      /** The same, merged by the server (PROTOCOL §6), as a page that joins anew asks for it. */
      readonly compactMs: number;
    };

/** The number of chunks of the answer that is replayed. */
const LENGTH = 20_000;
const BLOCKS = 200;

export class Replay {
  readonly state = new Store<ReplayState>({ kind: "idle" });

  constructor(private readonly lab: Lab) {}

  /** Has an answer written, and joins it from its beginning twice: chunk by chunk, and merged. */
  async run(): Promise<void> {
    const { lab, state } = this;
    state.set({ kind: "writing" });
    try {
      const { id } = await lab.api().createSession();
      show(id);
      const metadata = { directives: `/tokens ${LENGTH} /rate 0 /blocks ${BLOCKS}` };
      await lab.streams.startStream(id, { message: "A long answer, to replay.", metadata });
      const { taskId, error } = lab.streams.getSnapshot(id);
      if (!taskId) throw Object.assign(new Error("The answer has no task"), { code: error?.code });
      state.set({ kind: "replaying" });
      lab.network.compact = false;
      const whole = await this.#join(id, taskId);
      lab.network.compact = true;
      const compact = await this.#join(id, taskId);
      state.set({ kind: "done", chunks: whole.chunks, ms: whole.ms, smoothness: whole.smoothness, compactMs: compact.ms });
    } catch (error) {
      state.set({ kind: "failed", code: (error as { code?: string }).code ?? "UNKNOWN" });
    } finally {
      lab.network.compact = true;
    }
  }

  async #join(id: string, taskId: string) {
    const { streams } = this.lab;
    this.lab.recorder.begin("rejoin", id);
    const before = streams.getMetrics(id).chunks;
    const meter = new FrameMeter().start();
    const started = performance.now();
    const outcome = await streams.reconnectToTask(id, taskId);
    const ms = Math.round(performance.now() - started);
    const smoothness = meter.stop();
    if (outcome.kind !== "finished") throw Object.assign(new Error(outcome.kind), { code: outcome.error?.code ?? outcome.kind });
    return { ms, smoothness, chunks: streams.getMetrics(id).chunks - before };
  }
}
