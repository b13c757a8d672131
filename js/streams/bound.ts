/** Makes methods independent of the object that they are called on. */

/**
 * Returns an object with the members of `target`'s class, each of them bound to `target`. A method may be taken off it, and a
 * Proxy may wrap it (Vue's `reactive` does): a class with private members allows neither.
 */
export function bound<Target extends object>(target: Target): Target {
  const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(target) as Target) as Record<PropertyKey, PropertyDescriptor>;
  const object = {};
  for (const name of Reflect.ownKeys(members)) {
    const { value, get } = members[name] as PropertyDescriptor;
    if (name === "constructor") continue;
    const member = get ? { get: get.bind(target) } : { value: (value as () => unknown).bind(target), writable: true };
    Object.defineProperty(object, name, { ...member, configurable: true, enumerable: true });
  }
  return object as Target;
}
