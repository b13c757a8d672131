// The machines that the server is packed for, by the name that Node has for each.

/** `libc` as npm has it. Only those that are `tested` were run by anybody before they were published. */
export const PLATFORMS = {
  "linux-x64": { os: "linux", cpu: "x64", libc: "glibc", target: "x86_64-unknown-linux-gnu", tested: true },
  "linux-arm64": { os: "linux", cpu: "arm64", libc: "glibc", target: "aarch64-unknown-linux-gnu", tested: false },
  "darwin-x64": { os: "darwin", cpu: "x64", target: "x86_64-apple-darwin", tested: false },
  "darwin-arm64": { os: "darwin", cpu: "arm64", target: "aarch64-apple-darwin", tested: false },
};

/** The machine that this runs on. */
export const here = `${process.platform}-${process.arch}`;
