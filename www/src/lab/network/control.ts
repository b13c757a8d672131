// The supervisor that `npm start` runs beside the server: it can restart the server and finish background jobs. Only on this machine, and
// only in development. Elsewhere the lab has no supervisor.

/** The file that `npm start` writes beside the page. `control` is null where nothing supervises the server. */
interface Announcement {
  readonly control: string | null;
  readonly token?: string;
}

export interface Control {
  /** Restarts the server. Resolves when it listens again. */
  restart(): Promise<void>;
  /** Completes a background operation, as the service that runs it would. */
  complete(operationId: string): Promise<void>;
}

/** Finds the supervisor. Resolves with null if there is none. */
export async function findControl(network: typeof fetch): Promise<Control | null> {
  try {
    const response = await network("./lab.json", { cache: "no-store" });
    const { control, token } = (await response.json()) as Announcement;
    if (!control || !token) return null;
    const ask = async (path: string) => {
      const answer = await network(control + path, { method: "POST", headers: { "x-lab-token": token } });
      if (!answer.ok) throw new Error(await answer.text());
    };
    return { restart: () => ask("/restart"), complete: (id) => ask(`/complete/${encodeURIComponent(id)}`) };
  } catch {
    return null;
  }
}
