//! The storage keys: one key for each session of each user of an app.

use crate::stream::percent;

/// The version of the layout, which is part of every key.
const VERSION: &str = "1";

/// Makes the storage keys of one user of one app.
#[derive(Clone, Debug)]
pub struct Keys {
    legacy: String,
    prefix: String,
}

impl Keys {
    /// Makes the keys from the options `storageKey` and `userKey`.
    #[must_use]
    pub fn new(storage_key: &str, user_key: &str) -> Self {
        let prefix = [storage_key, ":v", VERSION, ":", &percent::encode(user_key), ":"].concat();
        Self { legacy: storage_key.to_owned(), prefix }
    }

    /// Returns the prefix of all keys of this user.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the key under which the replaced TypeScript layer kept one map of all sessions.
    #[must_use]
    pub fn legacy(&self) -> &str {
        &self.legacy
    }

    /// Returns the key of a session's record.
    #[must_use]
    pub fn of(&self, session: &str) -> String {
        [&self.prefix, &*percent::encode(session)].concat()
    }

    /// Returns the session of a key, or `None` if another app or user wrote it.
    #[must_use]
    pub fn session_of(&self, key: &str) -> Option<String> {
        percent::decode(key.strip_prefix(&self.prefix)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_users_and_sessions_apart() {
        let keys = Keys::new("chat_active_tasks", "a:b");
        assert_eq!(keys.of("s/ü"), "chat_active_tasks:v1:a%3Ab:s%2F%C3%BC");
        assert_eq!(keys.session_of(&keys.of("s/ü")).as_deref(), Some("s/ü"));
        assert_eq!(Keys::new("chat_active_tasks", "a").session_of(&keys.of("s")), None);
        assert_eq!(keys.session_of("chat_active_tasks"), None);
        assert_eq!(keys.session_of("chat_active_tasks:v1:a%3Ab:%"), None);
    }
}
