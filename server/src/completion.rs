//! The completion consumer: results of long-running operations on their way to their tasks (PROTOCOL §5).
