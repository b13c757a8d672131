// A store with actions from which components select, like those of state libraries.

import { useSyncExternalStore } from "react";

interface Store<STATE> {
  <PART>(select: (state: STATE) => PART): PART;
  getState(): STATE;
}

type Set<STATE> = (part: Partial<STATE>) => void;

export function createStore<STATE>(initialise: (set: Set<STATE>, get: () => STATE) => STATE): Store<STATE> {
  const watchers = new globalThis.Set<() => void>();
  const get = (): STATE => state;
  const set: Set<STATE> = (part) => {
    state = { ...state, ...part };
    watchers.forEach((changed) => changed());
  };
  let state = initialise(set, get);
  const watch = (changed: () => void) => {
    watchers.add(changed);
    return () => void watchers.delete(changed);
  };
  const use = <PART>(select: (state: STATE) => PART): PART => useSyncExternalStore(watch, () => select(state));
  return Object.assign(use, { getState: get });
}
