// Shows that an answer is on its way before its first word.

export function Thinking() {
  return (
    <div className="thinking" aria-hidden="true" data-testid="thinking">
      <span />
      <span />
      <span />
    </div>
  );
}
