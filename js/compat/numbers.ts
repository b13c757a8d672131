/** Gives values numbers, by which the WebAssembly module knows them. */

/** The numbers count from 1. What is missing has the number 0. */
export class Numbers<T> {
  readonly values: Array<T | undefined> = [undefined];
  readonly #numbers = new Map<T | undefined, number>([[undefined, 0]]);

  /** Returns the number of a value. Equal values have the same number. */
  of(value: T | undefined): number {
    const known = this.#numbers.get(value);
    if (known !== undefined) return known;
    this.#numbers.set(value, this.values.length);
    return this.values.push(value) - 1;
  }
}
