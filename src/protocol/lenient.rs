//! Types that read a field without insisting on its type: a value of another type counts as missing.
//!
//! A base backend may number its messages, send `null` for a list, or send text where our server sends an object. None of that
//! may lose an answer, so reading these types never fails. They read only from values that are parsed already: a deserializer of
//! text would be left in the middle of a value after an error that these types ignore.

use serde::de::{Deserialize, Deserializer};

/// A string, or `None` for a value of any other type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Option<String>);

/// An object, or the default of `T` for a value of any other type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record<T>(pub T);

/// An array, or an empty one for a value of any other type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Text {
    /// Returns the string if there is one.
    #[must_use]
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Returns the string, or an empty one.
    #[must_use]
    pub fn or_empty(&self) -> &str {
        self.as_deref().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer).ok()))
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Record<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::deserialize(deserializer).unwrap_or_default()))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Vec::deserialize(deserializer).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: [&str; 6] = ["null", "true", "1.5", "-1", "[1,[2]]", r#"{"a":{"b":1}}"#];

    fn value(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_value_of_another_type_counts_as_missing() {
        for other in OTHERS {
            assert_eq!(serde_json::from_value::<Text>(value(other)).unwrap(), Text(None), "{other}");
        }
        for other in OTHERS.into_iter().filter(|other| !other.starts_with('[')).chain(["\"text\""]) {
            assert_eq!(serde_json::from_value::<List<Text>>(value(other)).unwrap().0, [], "{other}");
        }
        for other in OTHERS.into_iter().filter(|other| !other.starts_with('{')).chain(["\"text\""]) {
            let record: Record<std::collections::BTreeMap<String, Text>> =
                serde_json::from_value(value(other)).unwrap();
            assert!(record.0.is_empty(), "{other}");
        }
    }

    #[test]
    fn a_value_of_the_expected_type_is_kept() {
        let texts: List<Text> = serde_json::from_value(value(r#"["a", 1, "b"]"#)).unwrap();
        assert_eq!(texts.0, [Text(Some("a".into())), Text(None), Text(Some("b".into()))]);
    }
}
