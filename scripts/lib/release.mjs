// The changes that a release makes to files: the version everywhere, and a section of the changelog. These functions take and
// return texts.

/** The places of the version. Each pattern has the version as its second group, and is applied to every match. */
const PLACES = {
  "package.json": [/(^ {2}"version": ")([^"]+)(")/m],
  "package-lock.json": [/(^ {2}"version": ")([^"]+)(")/m, /("": \{\s+"name": "rejoin",\s+"version": ")([^"]+)(")/],
  "npm/server/package.json": [/(^ {2}"version": ")([^"]+)(")/m],
  "Cargo.toml": [/(\[workspace\.package\]\s+version = ")([^"]+)(")/],
  "Cargo.lock": [/(name = "rejoin"\nversion = ")([^"]+)(")/, /(name = "rejoin-server"\nversion = ")([^"]+)(")/],
  "fuzz/Cargo.lock": [/(name = "rejoin"\nversion = ")([^"]+)(")/],
  "server/Cargo.toml": [/(rejoin = \{ path = "\.\.", version = ")([^"]+)(")/],
};

/** The pattern of an example's dependency: this version or a later compatible one. */
const EXAMPLE = [/("rejoin": "\^)([^"]+)(")/];

const places = (file) => PLACES[file] ?? EXAMPLE;

/** The files that contain the version, except those of the examples. */
export const VERSIONED = Object.keys(PLACES);

/** Returns all versions in a file. @throws {Error} if the file has none although it should */
export function versionsIn(file, text) {
  return places(file).map((pattern) => {
    const version = pattern.exec(text)?.[2];
    if (!version) throw new Error(`${file} states no version where it should: ${pattern}`);
    return version;
  });
}

/** Returns the file with another version. */
export function withVersion(file, text, version) {
  return places(file).reduce((known, pattern) => known.replace(pattern, (_, before, _old, behind) => before + version + behind), text);
}

/**
 * Moves the unreleased changes below a heading of their own.
 * @throws {Error} if there are none
 */
export function withRelease(changelog, version, date) {
  const [head, below] = changelog.split(/(?<=^## Unreleased\n)/m);
  const [notes, ...sections] = (below ?? "").split(/^(?=## )/m);
  if (!notes.trim()) throw new Error("CHANGELOG.md has nothing below Unreleased");
  const gap = sections.length > 0 ? "\n" : "";
  return `${head}\n## ${version} (${date})\n\n${notes.trim()}\n${gap}${sections.join("")}`;
}

/**
 * The address of the repository in package.json until the real one is known. Nobody owns a `.invalid` name. Before the first
 * release, `repository`, `homepage` and `bugs` need the real one, and `author` the publisher.
 */
export const PLACEHOLDER = "repository.invalid";

/** Returns whether the version `next` may follow `last`. Both are MAJOR.MINOR.PATCH, with or without a pre-release. */
export function follows(next, last) {
  const [one, other] = [parse(next), parse(last)];
  if (!one || !other) return false;
  const at = [0, 1, 2].find((nth) => one.numbers[nth] !== other.numbers[nth]);
  if (at !== undefined) return one.numbers[at] > other.numbers[at];
  if (!one.pre || !other.pre) return !one.pre && Boolean(other.pre);
  return one.pre.localeCompare(other.pre, "en", { numeric: true }) > 0;
}

/** Returns whether a text is a version. */
export const isVersion = (text) => parse(text) !== undefined;

function parse(text) {
  const [, ...parts] = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9a-z]+(?:\.[0-9a-z]+)*))?$/.exec(text) ?? [];
  return parts.length === 0 ? undefined : { numbers: parts.slice(0, 3).map(Number), pre: parts[3] };
}
