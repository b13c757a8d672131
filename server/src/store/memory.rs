//! The store that forgets: the embedded one over memory instead of a file, so that both are the same code and the same
//! rules.

use redb::backends::InMemoryBackend;

use super::{Result, SharedStore, Terms, embedded};

/// An empty store that lives as long as the process.
pub fn open(terms: Terms) -> Result<SharedStore> {
    let database = redb::Builder::new().create_with_backend(InMemoryBackend::new())?;
    embedded::Embedded::start(database, "memory", terms)
}
