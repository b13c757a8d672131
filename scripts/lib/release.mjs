// What a release changes in the files: one version everywhere, and the changelog's next section. Texts in, texts out.

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

/** An app asks for this version or a later one that fits. */
const EXAMPLE = [/("rejoin": "\^)([^"]+)(")/];

const places = (file) => PLACES[file] ?? EXAMPLE;

/** The files that hold the version, but for those of the examples. */
export const VERSIONED = Object.keys(PLACES);

/** All versions that a file states. @throws {Error} where it states none although it should */
export function versionsIn(file, text) {
  return places(file).map((pattern) => {
    const version = pattern.exec(text)?.[2];
    if (!version) throw new Error(`${file} states no version where it should: ${pattern}`);
    return version;
  });
}

/** The file with another version. */
export function withVersion(file, text, version) {
  return places(file).reduce((known, pattern) => known.replace(pattern, (_, before, _old, behind) => before + version + behind), text);
}

/**
 * Moves what is unreleased below a heading of its own.
 * @throws {Error} where nothing is unreleased
 */
export function withRelease(changelog, version, date) {
  const [head, below] = changelog.split(/(?<=^## Unreleased\n)/m);
  const [notes, ...sections] = (below ?? "").split(/^(?=## )/m);
  if (!notes.trim()) throw new Error("CHANGELOG.md has nothing below Unreleased");
  const gap = sections.length > 0 ? "\n" : "";
  return `${head}\n## ${version} (${date})\n\n${notes.trim()}\n${gap}${sections.join("")}`;
}

/**
 * Stands in package.json where the address of the repository belongs, which is not known yet. `.invalid` is nobody's. Before
 * the first release it is replaced there in `repository`, `homepage` and `bugs`, and `author` says who publishes it.
 */
export const PLACEHOLDER = "repository.invalid";

/** Whether `next` may follow `last`. Both are MAJOR.MINOR.PATCH, with or without a pre-release. */
export function follows(next, last) {
  const [one, other] = [parse(next), parse(last)];
  if (!one || !other) return false;
  const at = [0, 1, 2].find((nth) => one.numbers[nth] !== other.numbers[nth]);
  if (at !== undefined) return one.numbers[at] > other.numbers[at];
  if (!one.pre || !other.pre) return !one.pre && Boolean(other.pre);
  return one.pre.localeCompare(other.pre, "en", { numeric: true }) > 0;
}

/** Whether a text is a version. */
export const isVersion = (text) => parse(text) !== undefined;

function parse(text) {
  const [, ...parts] = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9a-z]+(?:\.[0-9a-z]+)*))?$/.exec(text) ?? [];
  return parts.length === 0 ? undefined : { numbers: parts.slice(0, 3).map(Number), pre: parts[3] };
}
