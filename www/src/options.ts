// What the address of the page may say: `?base=` another backend, `?view=source` answers as plain text.

export interface PageOptions {
  /** Where the backend's endpoints are mounted. */
  readonly baseUrl: string;
  /** Whether answers are rendered, or shown letter for letter as they came. */
  readonly view: "rendered" | "source";
}

export function readOptions(address: URL): PageOptions {
  return {
    baseUrl: (address.searchParams.get("base") ?? "/api/chat").replace(/\/+$/, ""),
    view: address.searchParams.get("view") === "source" ? "source" : "rendered",
  };
}
