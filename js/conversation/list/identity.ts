/** Keeps the objects that a user interface has shown already, where new ones say the same. */

import type { UIMessage } from "../../types/index.js";

/** Returns the old message if the new one is equal, and otherwise the new one with those old parts that are equal. */
export function keepMessage<MESSAGE extends UIMessage>(old: MESSAGE | undefined, fresh: MESSAGE): MESSAGE {
  if (!old || old === fresh) return fresh;
  if (isEqual(old, fresh)) return old;
  const parts = fresh.parts.map((part, place) => (isEqual(old.parts[place], part) ? old.parts[place] : part));
  return { ...fresh, parts } as MESSAGE;
}

/** Returns the old list if the new one has the same elements. */
export function keepList<T>(old: readonly T[], fresh: readonly T[]): readonly T[] {
  return old.length === fresh.length && old.every((item, place) => item === fresh[place]) ? old : fresh;
}

/** Compares JSON values at every depth, whatever the order of their members. */
export function isEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  return names.every((name) => name in other && isEqual((one as Fields)[name], (other as Fields)[name]));
}

type Fields = Record<string, unknown>;
