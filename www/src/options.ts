// Reads the options in the address of the page: `?base=` for another backend, `?view=source` for answers as plain text.

export interface PageOptions {
  /** Where the backend's endpoints are mounted. */
  readonly baseUrl: string;
  /** Whether answers are rendered, or shown as their source. */
  readonly view: "rendered" | "source";
}

export function readOptions(address: URL): PageOptions {
  return {
    baseUrl: (address.searchParams.get("base") ?? "/api/chat").replace(/\/+$/, ""),
    view: address.searchParams.get("view") === "source" ? "source" : "rendered",
  };
}
