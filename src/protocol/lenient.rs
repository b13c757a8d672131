//! Reads what a backend sends without insisting on its shape: a value of another type counts as missing.
//!
//! A base backend may number its messages, send `null` for a list, or put a text where ours has an object. None of that
//! may cost an answer, so these types never fail on a value that is valid JSON.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A string; `None` for a value of any other type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Option<String>);

/// An object; the default of `T` for a value of any other type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record<T>(pub T);

/// An array; empty for a value of any other type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Text {
    /// The string, if it is one.
    #[must_use]
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The string, or an empty one.
    #[must_use]
    pub fn or_empty(&self) -> &str {
        self.as_deref().unwrap_or_default()
    }
}

/// The visits of the types that a lenient reader does not want: each gives the default.
macro_rules! ignore {
    ($($visit:ident($value:ty)),*) => {
        $(fn $visit<E>(self, _: $value) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })*

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("any value")
        }
    };
}

macro_rules! ignore_array {
    () => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

macro_rules! ignore_object {
    () => {
        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Text, E> {
        Ok(Text(Some(text)))
    }

    ignore!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64));
    ignore_array!();
    ignore_object!();
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct RecordVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for RecordVisitor<T> {
    type Value = Record<T>;

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Record<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Record)
    }

    ignore!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));
    ignore_array!();
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Record<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RecordVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(List(all))
    }

    ignore!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));
    ignore_object!();
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: [&str; 6] = ["null", "true", "1.5", "-1", "[1,[2]]", r#"{"a":{"b":1}}"#];

    #[test]
    fn a_value_of_another_type_counts_as_missing() {
        for other in OTHERS {
            assert_eq!(serde_json::from_str::<Text>(other).unwrap(), Text(None), "{other}");
        }
        for other in OTHERS.into_iter().filter(|other| !other.starts_with('[')).chain(["\"text\""]) {
            assert_eq!(serde_json::from_str::<List<Text>>(other).unwrap().0, [], "{other}");
        }
        for other in OTHERS.into_iter().filter(|other| !other.starts_with('{')).chain(["\"text\""]) {
            let record: Record<std::collections::BTreeMap<String, Text>> = serde_json::from_str(other).unwrap();
            assert!(record.0.is_empty(), "{other}");
        }
    }

    #[test]
    fn a_value_of_the_expected_type_is_kept() {
        let texts: List<Text> = serde_json::from_str(r#"["a", 1, "b"]"#).unwrap();
        assert_eq!(texts.0, [Text(Some("a".into())), Text(None), Text(Some("b".into()))]);
    }
}
