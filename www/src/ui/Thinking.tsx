// The pause before the first word.

export function Thinking() {
  return (
    <div className="thinking" aria-hidden="true" data-testid="thinking">
      <span />
      <span />
      <span />
    </div>
  );
}
