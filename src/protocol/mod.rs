//! The client's requests, and how it reads the responses to them (PROTOCOL §1).

pub mod answer;
pub mod body;
pub mod head;
pub mod request;
