//! Which kind of store error an error of Redis is.

use redis::{ErrorKind, RedisError};

use crate::store::StoreError;

/// The words of refusals that are temporary: the node loads, was demoted, is full, or no longer has the slot. Up to
/// Redis 6 they are inside the error of the script that met them.
const PASSING: [&str; 9] =
    ["LOADING", "READONLY", "OOM ", "MASTERDOWN", "NOREPLICAS", "MISCONF", "CLUSTERDOWN", "TRYAGAIN", "MOVED"];

/// Whether a node that was demoted refuses writes. Only another connection finds the new master.
pub fn is_read_only(error: &RedisError) -> bool {
    error.code() == Some("READONLY") || error.to_string().contains("READONLY")
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        let text = error.to_string();
        let is_of_wrong_type = text.contains("WRONGTYPE");
        let failed_in_script = text.contains("user_script") && !PASSING.iter().any(|word| text.contains(word));
        match error.kind() {
            ErrorKind::UnexpectedReturnType => Self::Corrupt(text),
            _ if is_of_wrong_type || failed_in_script => Self::Corrupt(text),
            _ => Self::Transient(text),
        }
    }
}

/// A value in Redis that this version does not understand.
pub fn strange(what: &str) -> StoreError {
    StoreError::Corrupt(format!("cannot read {what}"))
}
