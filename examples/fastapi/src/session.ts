/** Returns the id of the session that the address names, or of a new one. */
export async function openSession(): Promise<string> {
  const known = location.hash.slice(1);
  if (known && (await fetch(`/api/chat/sessions/${known}`)).ok) return known;
  const made = await fetch("/api/chat/sessions", { method: "POST" });
  if (!made.ok) throw new Error(`No session: ${made.status}`);
  const { id }: { id: string } = await made.json();
  location.hash = id;
  return id;
}
