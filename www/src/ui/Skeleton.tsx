// Shows the shape of a chat while its history loads.

export function Skeleton() {
  return (
    <div className="skeleton" role="status" aria-label="Loading the chat" data-testid="loading">
      <span className="skeleton-question" />
      <span />
      <span />
      <span className="skeleton-short" />
    </div>
  );
}
