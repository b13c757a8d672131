/** Objects without the members that nobody gave. */

/** An object whose members that may be undefined are left out instead. */
type Defined<T> = { [NAME in keyof T as undefined extends T[NAME] ? never : NAME]: T[NAME] } & {
  [NAME in keyof T as undefined extends T[NAME] ? NAME : never]?: Exclude<T[NAME], undefined>;
};

/** Returns a copy of an object without its undefined members. */
export function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}
