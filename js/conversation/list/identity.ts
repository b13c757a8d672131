/** Keeps the objects that a user interface has shown already, where new ones say the same. */

import type { UIMessage } from "../../types/index.js";
import type { Fields } from "../../message/fields.js";

/** Returns the old value if the new one is equal. */
export function keep<T>(old: T, fresh: T): T {
  return isEqual(old, fresh) ? old : fresh;
}

/** Returns a new list with those old messages and parts that are equal, or the old list if all are. */
export function keepList<MESSAGE extends UIMessage>(old: readonly MESSAGE[], fresh: readonly MESSAGE[]): readonly MESSAGE[] {
  const kept = fresh.map((message, place) => (message === old[place] ? message : keepMessage(old.find(({ id }) => id === message.id), message)));
  return isSame(old, kept) ? old : kept;
}

function keepMessage<MESSAGE extends UIMessage>(old: MESSAGE | undefined, fresh: MESSAGE): MESSAGE {
  if (!old) return fresh;
  return keep(old, { ...fresh, parts: fresh.parts.map((part, place) => keep(old.parts[place] ?? part, part)) });
}

/** Compares JSON values at every depth, whatever the order of their members. */
export function isEqual(one: unknown, other: unknown, isMemberEqual = isEqual): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other || Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => name in other && isMemberEqual((one as Fields)[name], (other as Fields)[name]))
  );
}

/** Returns whether two objects or arrays have the same members. */
export function isSame(one: object, other: object): boolean {
  return isEqual(one, other, Object.is);
}
