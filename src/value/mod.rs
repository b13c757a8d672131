//! A plain value of any shape, for what other code wrote: bodies of answers, messages of tabs, saved records.
//!
//! A base backend may number its messages, send `null` for a list, or put a text where ours has an object; another tab
//! may post anything. A member of another type counts as missing here, so that none of that costs an answer. One type
//! that is read once also costs a fraction of the code of a derived reader for each struct.

mod serde;

/// A value as JSON has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value(Kind);

#[derive(Clone, Debug, Default, PartialEq)]
enum Kind {
    /// `null`, a member that is missing, or what lies too deep.
    #[default]
    Nothing,
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Record(Vec<(String, Value)>),
}

/// The largest integer up to which JavaScript has them all.
const LARGEST_COUNT: f64 = 9_007_199_254_740_991.0;

impl Value {
    /// A record without members.
    #[must_use]
    pub fn record() -> Self {
        Self(Kind::Record(Vec::new()))
    }

    /// Gives a record one member more, unless that is nothing.
    pub fn add(&mut self, name: &str, value: impl Into<Self>) {
        self.add_value(name, value.into());
    }

    fn add_value(&mut self, name: &str, value: Self) {
        if let (Kind::Record(members), true) = (&mut self.0, value.is_some()) {
            members.push((name.to_owned(), value));
        }
    }

    /// Whether it is anything.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.0 != Kind::Nothing
    }

    /// Takes a member out of a record; nothing where there is none.
    #[must_use]
    pub fn take(&mut self, name: &str) -> Self {
        let Kind::Record(members) = &mut self.0 else { return Self::default() };
        let member = members.iter_mut().find(|(member, _)| member == name);
        member.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }

    /// Takes a member out of a record, if it is anything.
    #[must_use]
    pub fn take_some(&mut self, name: &str) -> Option<Self> {
        Some(self.take(name)).filter(Self::is_some)
    }

    /// The string that it is.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        match self.0 {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of the list that it is; none where it is no list.
    #[must_use]
    pub fn into_list(self) -> Vec<Self> {
        match self.0 {
            Kind::List(items) => items,
            _ => Vec::new(),
        }
    }

    /// The number that it is.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self.0 {
            Kind::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The whole number that it is, if JavaScript can count so far.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of that range")]
    pub fn count(&self) -> Option<u64> {
        let is_count = |number: &f64| (0.0..=LARGEST_COUNT).contains(number) && number.trunc() == *number;
        self.number().filter(is_count).map(|number| number as u64)
    }

    /// Takes a string out of a record.
    #[must_use]
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        self.take(name).into_text()
    }

    /// Takes a string out of a record; an empty one where there is none.
    #[must_use]
    pub fn take_text_or_empty(&mut self, name: &str) -> String {
        self.take_text(name).unwrap_or_default()
    }

    /// Takes a whole number out of a record.
    #[must_use]
    pub fn take_count(&mut self, name: &str) -> Option<u64> {
        self.take(name).count()
    }

    /// Whether a member of a record is `true`.
    #[must_use]
    pub fn take_flag(&mut self, name: &str) -> bool {
        self.take(name).0 == Kind::Flag(true)
    }

    /// Whether it is `false`.
    #[must_use]
    pub fn is_false(&self) -> bool {
        self.0 == Kind::Flag(false)
    }

    /// Takes a list out of a record, each item as `read` makes it.
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
    #[expect(clippy::cast_precision_loss, reason = "JavaScript has no other numbers")]
    fn from(number: u64) -> Self {
        Self(Kind::Number(number as f64))
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
        let mut record = value(r#"{"text":"a","list":["a",1,"b"],"count":3,"half":1.5,"much":9007199254740993}"#);
        assert_eq!(record.take_text("text").as_deref(), Some("a"));
        assert_eq!(record.take_text("text"), None);
        let texts: Vec<_> = record.take_list("list").into_iter().map(Value::into_text).collect();
        assert_eq!(texts, [Some("a".into()), None, Some("b".into())]);
        assert_eq!((record.take("count").count(), record.take_count("much")), (Some(3), None));
        assert_eq!(record.take("half").number(), Some(1.5));
    }

    #[test]
    fn what_is_written_is_read_back_without_members_that_are_nothing() {
        let (mut written, mut inner) = (Value::record(), Value::record());
        inner.add("b", vec![1_u64, 2]);
        written.add("t", "é");
        written.add("n", 7_u64);
        written.add("f", true);
        written.add("o", None::<u64>);
        written.add("r", inner);
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(text, r#"{"t":"é","n":7.0,"f":true,"r":{"b":[1.0,2.0]}}"#);
        assert_eq!(value(&text), written);
    }

    #[test]
    fn what_lies_too_deep_is_nothing() {
        let deep = |depth: usize| value(&["[".repeat(depth), "7".into(), "]".repeat(depth)].concat());
        let bottom = |depth| (0..depth).fold(deep(depth), |list, _| list.into_list().swap_remove(0));
        assert_eq!(bottom(7).number(), Some(7.0));
        assert_eq!(bottom(8), Value::default());
        assert!(deep(100).is_some());
    }
}
