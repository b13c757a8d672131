//! Reads and writes a [`Value`] with serde. The visitor accepts every JSON type, so that no type is an error.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Kind, Value};

/// The number of levels of nested values that are read, with the outermost value as the first. Deeper values become nothing. The
/// limit exists because a tab may post an object that contains itself.
const DEEPEST: u8 = 8;

/// The members that nobody reads. They hold most of a session's bytes, such as the inputs and outputs of its tools, and each value
/// in them would be copied out of JavaScript by calls of its own.
const UNREAD: [&str; 2] = ["parts", "metadata"];

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Levels(DEEPEST).deserialize(deserializer)
    }
}

/// Reads a value, and replaces whatever is nested deeper than this number of levels with nothing.
#[derive(Clone, Copy)]
struct Levels(u8);

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.0.checked_sub(1) {
            Some(rest) => deserializer.deserialize_any(Self(rest)),
            None => deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Value::default()),
        }
    }
}

impl<'de> Visitor<'de> for Levels {
    type Value = Value;

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::default())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_u64<E>(self, count: u64) -> Result<Value, E> {
        Ok(count.into())
    }

    #[expect(clippy::cast_precision_loss, reason = "JavaScript has no other numbers below zero")]
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(u64::try_from(number).map_or((number as f64).into(), Value::from))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value(Kind::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = access.next_key::<String>()? {
            if UNREAD.contains(&name.as_str()) {
                access.next_value::<IgnoredAny>()?;
            } else {
                members.push((name, access.next_value_seed(self)?));
            }
        }
        Ok(Value(Kind::Record(members)))
    }

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kind::Nothing => serializer.serialize_unit(),
            Kind::Flag(flag) => serializer.serialize_bool(*flag),
            Kind::Count(count) => serializer.serialize_u64(*count),
            Kind::Number(number) => serializer.serialize_f64(*number),
            Kind::Text(text) => serializer.serialize_str(text),
            Kind::List(items) => serializer.collect_seq(items),
            Kind::Record(members) => serializer.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}
