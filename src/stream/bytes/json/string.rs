//! JSON strings that keep their escapes until someone needs their value.

use std::borrow::Cow;

/// The text of a valid JSON string, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonString<'a> {
    /// Text without escapes: its value is the text itself.
    Plain(&'a str),
    /// Text with escapes, which have to be decoded for the value.
    Escaped(&'a str),
}

enum Piece<'a> {
    Text(&'a str),
    Char(char),
    /// Half a surrogate pair: valid in a JavaScript string, not in a Rust one.
    LoneSurrogate,
}

impl<'a> JsonString<'a> {
    /// Makes a string from the text between its quotes.
    #[must_use]
    pub fn of(inner: &'a str) -> Self {
        if memchr::memchr(b'\\', inner.as_bytes()).is_some() { Self::Escaped(inner) } else { Self::Plain(inner) }
    }

    /// Makes a string from JSON text. Returns `None` if that is another value.
    #[must_use]
    pub fn of_value(json: &'a str) -> Option<Self> {
        Some(Self::of(json.strip_prefix("\"")?.strip_suffix("\"")?))
    }

    /// Returns the value if the string has no escapes.
    #[must_use]
    pub fn plain(self) -> Option<&'a str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Escaped(_) => None,
        }
    }

    /// Returns the value. A lone surrogate becomes U+FFFD.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        match *self {
            Self::Plain(text) => Cow::Borrowed(text),
            Self::Escaped(_) => {
                let mut text = String::new();
                self.push_to(&mut text);
                Cow::Owned(text)
            }
        }
    }

    /// Appends the value. A lone surrogate becomes U+FFFD.
    pub fn push_to(&self, out: &mut String) {
        match *self {
            Self::Plain(text) => out.push_str(text),
            Self::Escaped(inner) => Pieces(inner).for_each(|piece| match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Char(char) => out.push(char),
                Piece::LoneSurrogate => out.push(char::REPLACEMENT_CHARACTER),
            }),
        }
    }

    /// Returns whether every surrogate is part of a pair.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        match *self {
            Self::Plain(_) => true,
            Self::Escaped(inner) => !Pieces(inner).any(|piece| matches!(piece, Piece::LoneSurrogate)),
        }
    }

    /// Returns whether the value is `text`.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        match *self {
            Self::Plain(inner) => inner == text,
            Self::Escaped(_) => self.is_well_formed() && self.text() == text,
        }
    }
}

/// An iterator over the plain parts and the escapes of a checked string.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(escape) = self.0.strip_prefix("\\") {
            return self.escape(escape);
        }
        if self.0.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\\', self.0.as_bytes()).unwrap_or(self.0.len());
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(Piece::Text(text))
    }
}

impl<'a> Pieces<'a> {
    fn escape(&mut self, escape: &'a str) -> Option<Piece<'a>> {
        self.0 = escape.get(1..)?;
        Some(Piece::Char(match escape.as_bytes().first()? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            itself => char::from(*itself),
        }))
    }

    fn unicode(&mut self) -> Option<Piece<'a>> {
        let (first, rest) = code_unit(self.0)?;
        self.0 = rest;
        if let Some(char) = char::from_u32(first) {
            return Some(Piece::Char(char));
        }
        let Some((char, rest)) = pair(first, rest) else { return Some(Piece::LoneSurrogate) };
        self.0 = rest;
        Some(Piece::Char(char))
    }
}

/// Combines a high surrogate with the escaped low surrogate at the beginning of `rest`. Returns the character and the text after
/// it, or `None` if the two are no pair.
fn pair(high: u32, rest: &str) -> Option<(char, &str)> {
    let (low, rest) = code_unit(rest.strip_prefix("\\u")?)?;
    if !(0xD800..0xDC00).contains(&high) || !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    Some((char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))?, rest))
}

fn code_unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}
