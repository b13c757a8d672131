//! What the client asks of a backend and how it reads the answers (PROTOCOL §1).

pub mod answer;
pub mod body;
pub mod head;
pub mod lenient;
pub mod request;
