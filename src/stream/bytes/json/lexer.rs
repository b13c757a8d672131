//! Reads JSON text token by token. All other JSON code of the package is built on this lexer.

use super::string::JsonString;

/// A position in a JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Lexer<'a> {
    data: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Returns the position at the beginning of a text.
    #[must_use]
    pub fn new(data: &'a str) -> Self {
        Self { data, at: 0 }
    }

    /// Returns the position in bytes.
    #[must_use]
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns whether nothing was read yet.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.at == 0
    }

    /// Returns whether only white space is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest().iter().all(|byte| is_space(*byte))
    }

    /// Returns the bytes that are left.
    #[must_use]
    #[inline(always)]
    pub fn rest(&self) -> &'a [u8] {
        self.data.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Returns the text that was read since `start`.
    #[must_use]
    #[inline(always)]
    pub fn since(&self, start: usize) -> Option<&'a str> {
        self.data.get(start..self.at)
    }

    /// Moves forward by that many bytes.
    #[inline(always)]
    pub fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Reads the next byte that is no white space.
    #[inline(always)]
    pub fn token(&mut self) -> Option<u8> {
        loop {
            let byte = *self.data.as_bytes().get(self.at)?;
            self.at += 1;
            if !is_space(byte) {
                return Some(byte);
            }
        }
    }

    /// Reads the next token and fails if it is another one.
    #[inline(always)]
    pub fn expect(&mut self, token: u8) -> Option<()> {
        (self.token()? == token).then_some(())
    }

    /// Fails unless only white space is left.
    pub fn end(&mut self) -> Option<()> {
        self.token().is_none().then_some(())
    }

    /// Reads the name of a member and its colon.
    pub fn name(&mut self) -> Option<JsonString<'a>> {
        self.expect(b'"')?;
        let name = self.text()?;
        self.expect(b':')?;
        Some(name)
    }

    /// Reads the rest of a string after its opening quote. The result keeps its escapes.
    pub fn text(&mut self) -> Option<JsonString<'a>> {
        let start = self.at;
        let escapes = self.string()?;
        let inner = self.data.get(start..self.at - 1)?;
        Some(match escapes {
            Escapes::None => JsonString::Plain(inner),
            Escapes::Some => JsonString::Escaped(inner),
        })
    }

    /// Reads a whole value of any depth.
    pub fn value(&mut self) -> Option<&'a str> {
        let first = self.token()?;
        self.value_after(first)
    }

    /// Reads the rest of a value after its first byte. Nested values cost no stack.
    pub fn value_after(&mut self, first: u8) -> Option<&'a str> {
        let mut open = Open::default();
        let start = self.at - 1;
        let mut token = first;
        loop {
            match token {
                b'{' if !self.closes(b'}') => {
                    open.push(OBJECT);
                    self.name()?;
                    token = self.token()?;
                    continue;
                }
                b'[' if !self.closes(b']') => {
                    open.push(ARRAY);
                    token = self.token()?;
                    continue;
                }
                b'{' | b'[' => {}
                scalar => self.scalar(scalar)?,
            }
            if !self.leave(&mut open)? {
                return self.since(start);
            }
            token = self.token()?;
        }
    }

    /// Reads the ends of the arrays and objects that close after a value, then the comma and the name before the next value.
    /// Returns whether there is a next value, or `None` if the JSON is invalid.
    fn leave(&mut self, open: &mut Open) -> Option<bool> {
        while let Some(last) = open.last() {
            match (self.token()?, last) {
                (b',', OBJECT) => return self.name().map(|_| true),
                (b',', _) => return Some(true),
                (b'}', OBJECT) | (b']', ARRAY) => open.pop(),
                _ => return None,
            };
        }
        Some(false)
    }

    /// Reads this token if it is the next one. Returns whether it was.
    fn closes(&mut self, closing: u8) -> bool {
        let mut ahead = *self;
        let closes = ahead.token() == Some(closing);
        if closes {
            *self = ahead;
        }
        closes
    }

    /// Reads the rest of a string, number or literal after its first byte.
    fn scalar(&mut self, first: u8) -> Option<()> {
        match first {
            b'"' => self.string().map(drop),
            b't' => self.literal(b"rue"),
            b'f' => self.literal(b"alse"),
            b'n' => self.literal(b"ull"),
            b'-' => {
                let digit = *self.rest().first()?;
                self.at += 1;
                self.number(digit)
            }
            digit => self.number(digit),
        }
    }

    /// Reads the rest of a number after its first byte.
    fn number(&mut self, first: u8) -> Option<()> {
        match first {
            b'0' => {}
            b'1'..=b'9' => drop(self.digits()),
            _ => return None,
        }
        if self.takes_any(b".") {
            self.digits()?;
        }
        if self.takes_any(b"eE") {
            self.takes_any(b"+-");
            self.digits()?;
        }
        Some(())
    }

    /// Reads one or more digits.
    pub fn digits(&mut self) -> Option<()> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    /// Reads the next byte if it is one of these. Returns whether it was.
    fn takes_any(&mut self, bytes: &[u8]) -> bool {
        let takes = self.rest().first().is_some_and(|byte| bytes.contains(byte));
        self.at += usize::from(takes);
        takes
    }

    /// Reads these letters if they come next. Returns whether they did.
    pub fn takes(&mut self, letters: &[u8]) -> bool {
        let takes = self.rest().starts_with(letters);
        self.at += if takes { letters.len() } else { 0 };
        takes
    }

    /// Reads these letters and fails if others come next.
    pub fn literal(&mut self, letters: &[u8]) -> Option<()> {
        self.takes(letters).then_some(())
    }

    /// Reads the rest of a string after its opening quote. Returns whether it has escapes.
    pub fn string(&mut self) -> Option<Escapes> {
        let mut escapes = Escapes::None;
        loop {
            let rest = self.data.as_bytes().get(self.at..)?;
            let plain = plain_len(rest);
            self.at += plain + 1;
            match rest.get(plain)? {
                b'"' => return Some(escapes),
                b'\\' => self.escape(rest.get(plain + 1..)?)?,
                _ => return None,
            }
            escapes = Escapes::Some;
        }
    }

    fn escape(&mut self, rest: &[u8]) -> Option<()> {
        let (letter, rest) = rest.split_first()?;
        self.at += 1;
        match letter {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                self.at += 4;
                rest.get(..4)?.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }
}

const ARRAY: u64 = 0;
const OBJECT: u64 = 1;

/// The stack of open arrays and objects: one bit each. The innermost 64 need no allocation.
#[derive(Default)]
struct Open {
    innermost: u64,
    depth: usize,
    outer: Vec<u64>,
}

impl Open {
    fn push(&mut self, kind: u64) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.innermost);
        }
        self.innermost = self.innermost << 1 | kind;
        self.depth += 1;
    }

    fn last(&self) -> Option<u64> {
        (self.depth > 0).then_some(self.innermost & 1)
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.innermost >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.innermost = self.outer.pop().unwrap_or_default();
        }
    }
}

/// Whether a string contains escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// The string is what its text shows.
    None,
    /// The string contains at least one escape.
    Some,
}

#[inline(always)]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}
/// Returns how many bytes precede the end of the string, an escape, or a byte that a JSON string must not contain.
#[inline(always)]
fn plain_len(bytes: &[u8]) -> usize {
    let mut plain = 0;
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk() {
        let special = specials(u64::from_le_bytes(*word));
        if special != 0 {
            return plain + special.trailing_zeros() as usize / 8;
        }
        plain += word.len();
        rest = tail;
    }
    plain + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

#[inline(always)]
fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// Checks eight bytes at once. The lowest bit that is set is the top bit of the first special byte. A borrow can make higher bits
/// wrong, never lower ones.
#[must_use]
#[inline(always)]
pub fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    const TOPS: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & TOPS
}
