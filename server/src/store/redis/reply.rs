//! Reads the replies of the scripts: a word for the outcome, and its values.

use std::collections::HashMap;

use redis::{FromRedisValue, Value, from_redis_value};
use rejoin::stream::cursor::EventId;

use super::error::strange;
use crate::store::{Result, StoreError};

/// The reply of a script: a word, and the values after it.
pub struct Reply {
    pub word: String,
    values: std::vec::IntoIter<Value>,
}

impl Reply {
    /// Takes a script's result apart.
    pub fn of(values: Vec<Value>) -> Result<Self> {
        let mut values = values.into_iter();
        let word = values.next().ok_or_else(|| strange("an answer"))?;
        Ok(Self { word: from_redis_value(word).map_err(|_| strange("an answer"))?, values })
    }

    /// The next value.
    pub fn take<T: FromRedisValue>(&mut self) -> Result<T> {
        let value = self.values.next().ok_or_else(|| strange("an answer"))?;
        from_redis_value(value).map_err(|_| strange("an answer"))
    }

    /// The next value, which is a list of entry ids.
    pub fn ids(&mut self) -> Result<Vec<EventId>> {
        self.take::<Vec<String>>()?.iter().map(|id| id.parse().map_err(|_| strange("an id"))).collect()
    }

    /// The next value, which is a record.
    pub fn record(&mut self) -> Result<HashMap<String, String>> {
        self.take()
    }

    /// Whether a step under a claim was taken; if not, why.
    pub fn granted(mut self) -> Result<Self> {
        match self.word.as_str() {
            "ok" => Ok(self),
            "gap" => Err(StoreError::Gap { position: self.take()? }),
            "gone" => Err(StoreError::Gap { position: 0 }),
            "fenced" => Err(StoreError::Fenced),
            _ => Err(strange("an answer")),
        }
    }
}
