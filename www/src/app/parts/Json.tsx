// Shows a labelled JSON value, indented.

export function Json({ label, value }: { label: string; value: unknown }) {
  const text = typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
  return (
    <figure className="json" data-testid={`tool-${label.toLowerCase()}`}>
      <figcaption>{label}</figcaption>
      <pre tabIndex={0}>{text}</pre>
    </figure>
  );
}
