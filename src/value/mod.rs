//! A JSON value, through which the core reads response bodies, tab messages and saved records, and writes what JavaScript gets.
//!
//! A base backend may number its messages, send `null` for a list, or send text where our server sends an object. Another tab may
//! post anything. A member of an unexpected type counts as missing, so that it cannot lose an answer. This one type also takes
//! much less code than a reader that serde derives for each struct.

mod serde;

/// A JSON value. The default is nothing: the value of `null` and of a missing member.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value(Kind);

#[derive(Clone, Debug, Default, PartialEq)]
enum Kind {
    /// `null`, a missing member, or a value that is nested too deep.
    #[default]
    Nothing,
    /// A boolean.
    Flag(bool),
    /// A whole number that is not negative.
    Count(u64),
    /// Any other number, or one that was added as an `f64`.
    Number(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object: the names and values of its members, in their order.
    Record(Vec<(String, Value)>),
}

impl Value {
    /// Makes a record (a JSON object) without members.
    #[must_use]
    pub fn record() -> Self {
        Self(Kind::Record(Vec::new()))
    }

    /// Adds a member to a record. Does nothing if the member's value is nothing, or if this value is not a record.
    pub fn add(&mut self, name: &str, value: impl Into<Self>) {
        self.add_value(name, value.into());
    }

    fn add_value(&mut self, name: &str, value: Self) {
        if let (Kind::Record(members), true) = (&mut self.0, value.is_some()) {
            members.push((name.to_owned(), value));
        }
    }

    /// Returns whether the value is not nothing.
    #[must_use]
    pub fn is_some(&self) -> bool {
        !matches!(self.0, Kind::Nothing)
    }

    /// Removes a member's value from a record and returns it. Returns nothing if this value is not a record or has no such
    /// member.
    #[must_use]
    pub fn take(&mut self, name: &str) -> Self {
        let Kind::Record(members) = &mut self.0 else { return Self::default() };
        let member = members.iter_mut().find(|(member, _)| member == name);
        member.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }

    /// Removes a member's value from a record and returns it. Returns `None` if there is no such member or if it is nothing.
    #[must_use]
    pub fn take_some(&mut self, name: &str) -> Option<Self> {
        Some(self.take(name)).filter(Self::is_some)
    }

    /// Returns the string, or `None` for a value of another type.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        match self.0 {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the items of a list, or an empty vector for a value of another type.
    #[must_use]
    pub fn into_list(self) -> Vec<Self> {
        match self.0 {
            Kind::List(items) => items,
            _ => Vec::new(),
        }
    }

    /// Returns the number, or `None` for a value of another type.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "JavaScript has no other numbers")]
    pub fn number(&self) -> Option<f64> {
        match self.0 {
            Kind::Count(count) => Some(count as f64),
            Kind::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Returns a whole number that is not negative, or `None` for any other value.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match self.0 {
            Kind::Count(count) => Some(count),
            _ => None,
        }
    }

    /// Removes a string from a record and returns it. Returns `None` if the member is missing or not a string.
    #[must_use]
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        self.take(name).into_text()
    }

    /// Removes a string from a record and returns it. Returns an empty string if the member is missing or not a string.
    #[must_use]
    pub fn take_text_or_empty(&mut self, name: &str) -> String {
        self.take_text(name).unwrap_or_default()
    }

    /// Removes a whole number from a record and returns it. Returns `None` if the member is missing, negative or of another
    /// type.
    #[must_use]
    pub fn take_count(&mut self, name: &str) -> Option<u64> {
        self.take(name).count()
    }

    /// Removes a member from a record and returns whether it was `true`.
    #[must_use]
    pub fn take_flag(&mut self, name: &str) -> bool {
        matches!(self.take(name).0, Kind::Flag(true))
    }

    /// Returns whether the value is `false`. Nothing is not `false`.
    #[must_use]
    pub fn is_false(&self) -> bool {
        matches!(self.0, Kind::Flag(false))
    }

    /// Removes a list from a record and returns its converted items. Returns an empty vector if the member is missing or not
    /// a list.
    #[must_use]
    pub fn take_list<T: From<Self>>(&mut self, name: &str) -> Vec<T> {
        self.take(name).into_list().into_iter().map(T::from).collect()
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self(Kind::Flag(flag))
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self(Kind::Count(count))
    }
}

impl From<u32> for Value {
    fn from(count: u32) -> Self {
        u64::from(count).into()
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self(Kind::Number(number))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self(Kind::Text(text))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::default(), Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self(Kind::List(items.into_iter().map(Into::into).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: [&str; 6] = ["null", "true", "1.5", "-1", "[1,[2]]", r#"{"a":{"b":1}}"#];

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_member_of_another_type_counts_as_missing() {
        let member = |other: &str| value(&format!(r#"{{"m":{other}}}"#));
        for other in OTHERS {
            assert_eq!(member(other).take_text("m"), None, "{other}");
            assert_eq!(member(other).take_count("m"), None, "{other}");
            assert_eq!(member(other).take_flag("m"), other == "true", "{other}");
            assert_eq!(value(other).take_text("m"), None, "{other}");
        }
        for other in OTHERS.into_iter().filter(|other| !other.starts_with('[')).chain(["\"text\""]) {
            assert_eq!(member(other).take_list::<Value>("m"), [], "{other}");
        }
        assert!(!member("null").take("m").is_some() && member("[]").take("m").is_some());
    }

    #[test]
    fn a_member_of_the_expected_type_is_taken_out() {
        let mut record = value(r#"{"text":"a","list":["a",1,"b"],"count":3,"half":1.5,"below":-1}"#);
        assert_eq!(record.take_text("text").as_deref(), Some("a"));
        assert_eq!(record.take_text("text"), None);
        let texts: Vec<_> = record.take_list("list").into_iter().map(Value::into_text).collect();
        assert_eq!(texts, [Some("a".into()), None, Some("b".into())]);
        assert_eq!((record.take("count").count(), record.take_count("below")), (Some(3), None));
        assert_eq!(record.take("half").number(), Some(1.5));
    }

    #[test]
    fn a_written_value_is_read_back_without_members_that_are_nothing() {
        let (mut written, mut inner) = (Value::record(), Value::record());
        inner.add("b", vec![1_u64, 2]);
        written.add("t", "é");
        written.add("n", 7_u64);
        written.add("f", true);
        written.add("o", None::<u64>);
        written.add("r", inner);
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(text, r#"{"t":"é","n":7,"f":true,"r":{"b":[1,2]}}"#);
        assert_eq!(value(&text), written);
    }

    #[test]
    fn the_parts_and_the_metadata_of_a_message_are_not_read() {
        let mut message = value(r#"{"role":"user","parts":[{"type":"text"}],"metadata":{"a":1},"id":"m1"}"#);
        assert_eq!((message.take("parts"), message.take("metadata")), (Value::default(), Value::default()));
        assert_eq!(
            (message.take_text("role").as_deref(), message.take_text("id").as_deref()),
            (Some("user"), Some("m1"))
        );
    }

    #[test]
    fn a_value_that_is_nested_too_deep_is_nothing() {
        let deep = |depth: usize| value(&["[".repeat(depth), "7".into(), "]".repeat(depth)].concat());
        let bottom = |depth| (0..depth).fold(deep(depth), |list, _| list.into_list().swap_remove(0));
        assert_eq!(bottom(7).number(), Some(7.0));
        assert_eq!(bottom(8), Value::default());
        assert!(deep(100).is_some());
    }
}
