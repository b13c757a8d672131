// The lab: a network that can be broken, a record of what happened on it, and another reader to compare with.
import { createChatStreams, type ChatStreams, type StreamRequest } from "rejoin";
import { Api, type SessionDetail } from "../api";
import { keptStore, Store } from "../store";
import { findControl, type Control } from "./network/control";
import { Network } from "./network/network";
import { Recorder } from "./network/recorder";
import { watchStream } from "./network/watch";
import { Replay } from "./panel/replay";
import { Peer } from "./peer/peer";

export class Lab {
  /** Whether the panel is open. */
  readonly isOpen = keptStore("rejoin_demo_lab", false);
  /** Whether each message is also asked through another reader. */
  readonly compare = keptStore("rejoin_demo_compare", false);
  /** The supervisor that can restart the server, or null if there is none. */
  readonly control = new Store<Control | null>(null);
  readonly recorder: Recorder;
  readonly network: Network;
  readonly peer: Peer;
  readonly replay: Replay;
  /** The client of the app, on the lab's network. The lab sees what it sends. */
  readonly streams: ChatStreams;
  readonly #baseUrl: string;
  readonly #watched = new Set<string>();

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl;
    this.recorder = new Recorder((taskId) => this.streams.listActiveTasks().find((task) => task.taskId === taskId)?.sessionId);
    this.network = new Network(this.recorder);
    this.peer = new Peer(baseUrl, new Api(baseUrl, this.network.honest), this.network.for("peer"), this.recorder);
    this.replay = new Replay(this);
    this.streams = this.#observed(createChatStreams({ baseUrl, fetch: this.network.for("rejoin") }));
    void findControl(this.network.honest).then((control) => this.control.set(control));
  }

  /** The backend's endpoints as the app reaches them. */
  api(): Api {
    return new Api(this.#baseUrl, this.network.for("rejoin"));
  }

  /** Asks the server past the faults of the lab. */
  truth(id: string): Promise<SessionDetail> {
    return new Api(this.#baseUrl, this.network.honest).session(id);
  }

  /** Records the stream of a chat. */
  watch(id: string): void {
    if (this.#watched.has(id)) return;
    this.#watched.add(id);
    watchStream(this.streams, this.recorder, id);
  }

  /** The client, except that the lab takes part in what begins and stops an answer. */
  #observed(streams: ChatStreams): ChatStreams {
    const startStream: ChatStreams["startStream"] = (id, request, listener) => {
      this.#begin(id, typeof request === "string" ? { message: request } : request);
      return streams.startStream(id, request, listener);
    };
    const stopStream: ChatStreams["stopStream"] = (id) => {
      this.peer.stop(id);
      return streams.stopStream(id);
    };
    const replaced = { startStream, stopStream };
    return new Proxy(streams, { get: (target, name) => Reflect.get(name in replaced ? replaced : target, name) as unknown });
  }

  #begin(id: string, { message, trigger, metadata }: StreamRequest): void {
    this.watch(id);
    this.recorder.begin("rejoin", id);
    const isQuestion = trigger === undefined || trigger === "submit";
    if (this.compare.get() && isQuestion && message !== "") void this.peer.ask(id, { text: message, metadata });
  }
}
