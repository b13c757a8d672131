// There is one version, and `npm run release` makes the next one, here in a small repository of the test.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { PLACEHOLDER, VERSIONED, follows, versionsIn, withRelease } from "../../scripts/lib/release.mjs";
import { root } from "./lib/fresh.mjs";

const read = (folder, file) => readFileSync(join(folder, file), "utf8");
const examples = readdirSync(join(root, "examples")).map((name) => `examples/${name}/package.json`).filter((file) => existsSync(join(root, file)));
const versions = (folder) => [...VERSIONED, ...examples].flatMap((file) => versionsIn(file, read(folder, file)));

test("the crate, the package, their lock files, the server and the examples state one version", () => {
  const { version } = JSON.parse(read(root, "package.json"));
  assert.deepEqual([...new Set(versions(root))], [version]);
});

test("a version follows a smaller one, and its own pre-releases", () => {
  const rising = ["0.1.0", "0.1.1", "0.2.0-alpha.2", "0.2.0-alpha.10", "0.2.0", "0.10.0", "1.0.0"];
  rising.forEach((one, nth) => rising.forEach((other, place) => assert.equal(follows(one, other), nth > place, `${one} after ${other}`)));
});

test("unreleased changes move below the version, and earlier sections stay unchanged", () => {
  const first = withRelease("# Changelog\n\n## Unreleased\n\n- One.\n", "0.1.0", "2026-01-02");
  assert.equal(first, "# Changelog\n\n## Unreleased\n\n## 0.1.0 (2026-01-02)\n\n- One.\n");
  const second = withRelease(first.replace("Unreleased\n", "Unreleased\n\n- Two.\n"), "0.2.0", "2026-02-03");
  assert.equal(second, "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-02-03)\n\n- Two.\n\n## 0.1.0 (2026-01-02)\n\n- One.\n");
  assert.throws(() => withRelease(second, "0.3.0", "2026-03-04"), /nothing below Unreleased/);
});

describe("npm run release", () => {
  let repository;

  beforeEach(() => {
    repository = mkdtempSync(join(tmpdir(), "rejoin-release-"));
    for (const file of [...VERSIONED, ...examples]) copy(file);
    write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- Something new.\n");
    const scripts = read(repository, "package.json").replace(/"test": ".*?"/, '"test": "node tested.mjs"');
    write("package.json", scripts.replace(/"pack:server": ".*?"/, '"pack:server": "node packed.mjs"').replaceAll(PLACEHOLDER, "example.org"));
    write("tested.mjs", "");
    write("packed.mjs", "console.log('The server is packed.');");
    git("init", "--quiet", "--initial-branch", "main");
    commitAll();
  });

  afterEach(() => rmSync(repository, { recursive: true, force: true }));

  const copy = (file) => {
    mkdirSync(join(repository, dirname(file)), { recursive: true });
    cpSync(join(root, file), join(repository, file));
  };
  const write = (file, text) => writeFileSync(join(repository, file), text);
  const git = (...args) => execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], { cwd: repository, encoding: "utf8" }).trim();
  const commitAll = () => {
    git("add", "--all");
    git("commit", "--quiet", "--message", "before");
  };
  const release = (...args) => {
    const env = { ...process.env, GIT_AUTHOR_NAME: "t", GIT_AUTHOR_EMAIL: "t@localhost", GIT_COMMITTER_NAME: "t", GIT_COMMITTER_EMAIL: "t@localhost" };
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "scripts/release.mjs"), ...args], { cwd: repository, env, encoding: "utf8" });
    return { status, said: stdout + stderr };
  };
  const assertUnchanged = () => {
    assert.equal(git("tag"), "");
    assert.equal(git("rev-list", "--count", "HEAD"), "1");
    assert.equal(git("status", "--porcelain"), "");
  };

  test("changes every version and the changelog in one tagged commit", () => {
    const { status, said } = release("9.8.7");
    assert.equal(status, 0, said);
    assert.deepEqual([...new Set(versions(repository))], ["9.8.7"]);
    assert.match(read(repository, "CHANGELOG.md"), /## Unreleased\n\n## 9\.8\.7 \(\d{4}-\d\d-\d\d\)\n\n- Something new\.\n$/);
    assert.equal(git("log", "-1", "--format=%s"), "Release 9.8.7");
    assert.equal(git("rev-parse", "v9.8.7^{commit}"), git("rev-parse", "HEAD"));
    assert.equal(git("status", "--porcelain"), "");
    assert.match(said, /npm publish\n +cargo publish/);
    assert.match(said, /The server is packed\./);
  });

  test("the first release may have the current version", () => {
    const { version } = JSON.parse(read(root, "package.json"));
    const { status, said } = release(version);
    assert.equal(status, 0, said);
    assert.match(release(version).said, /tagged already/);
  });

  test("with --dry-run says what it would do and changes nothing", () => {
    const { status, said } = release("9.8.7", "--dry-run");
    assert.equal(status, 0, said);
    assert.match(said, /Would change package\.json.*CHANGELOG\.md.*v9\.8\.7/);
    assertUnchanged();
  });

  for (const [why, spoil, message] of [
    ["the tree is not clean", () => write("new.txt", ""), /not clean:\n\?\? new\.txt/],
    ["the tests fail", () => write("tested.mjs", "process.exit(1);"), /npm test failed/],
    ["the address of the repository is not known", () => write("package.json", read(repository, "package.json").replaceAll("example.org", PLACEHOLDER)), /put the addresses of the repository there/],
    ["nothing is unreleased", () => write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n"), /nothing below Unreleased/],
  ]) {
    test(`refuses when ${why}`, () => {
      spoil();
      if (why !== "the tree is not clean") commitAll();
      const { status, said } = release("9.8.7");
      assert.equal(status, 1);
      assert.match(said, message);
      assert.equal(git("tag"), "");
      assert.notEqual(git("log", "-1", "--format=%s"), "Release 9.8.7");
    });
  }

  test("refuses a version that does not follow, and anything but a version", () => {
    assert.match(release("0.0.1").said, /0\.0\.1 does not follow/);
    for (const args of [[], ["next"], ["1.2"], ["1.2.3", "4.5.6"]]) assert.equal(release(...args).status, 2);
    assertUnchanged();
  });
});
