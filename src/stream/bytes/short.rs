//! Comparisons and copies of a few bytes. The package is compiled for size. There the functions of the standard library become
//! calls, each of which costs more than the work itself. The functions of this file are inlined instead.

/// The first bytes of a longer slice. Code may read the bytes behind them, to copy in whole words, but must ignore their values.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The bytes, and those that follow them.
    pub bytes: &'a [u8],
    /// How many of `bytes` belong to the value.
    pub length: usize,
}

impl<'a> Start<'a> {
    /// An empty value.
    pub const NONE: Self = Self { bytes: &[], length: 0 };

    /// Returns the bytes without those that follow.
    #[must_use]
    pub fn slice(self) -> &'a [u8] {
        self.bytes.get(..self.length).unwrap_or(self.bytes)
    }
}

/// Returns whether a text contains another one. It compares wherever the first byte occurs: the search of the standard library takes
/// 1.6 kB of code more, because it stays linear for any text.
#[must_use]
pub fn contains(text: &str, part: &str) -> bool {
    let Some((first, _)) = part.as_bytes().split_first() else { return true };
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(*first, rest) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(part.as_bytes()) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// A growing list of values. Its unused capacity is initialised memory, so that a caller can reserve once and then write many
/// values without a check each.
#[derive(Clone, Debug, Default)]
pub struct Column<T> {
    buffer: Vec<T>,
    length: usize,
}

impl<T: Copy + Default> Column<T> {
    /// Reserves space for `more` values.
    pub fn reserve(&mut self, more: usize) {
        let needed = self.length + more;
        if needed > self.buffer.len() {
            let mut larger = vec![T::default(); needed.max(2 * self.buffer.len())];
            if let Some(place) = larger.get_mut(..self.length) {
                place.copy_from_slice(self.slice());
            }
            self.buffer = larger;
        }
    }

    /// Adds a value. Callers have usually reserved the space for it.
    #[inline(always)]
    pub fn put(&mut self, value: T) {
        match self.buffer.get_mut(self.length) {
            Some(place) => {
                *place = value;
                self.length += 1;
            }
            None => self.push(value),
        }
    }

    /// Adds a value.
    #[inline(never)]
    pub fn push(&mut self, value: T) {
        self.extend(&[value]);
    }

    /// Adds several values.
    pub fn extend(&mut self, values: &[T]) {
        self.reserve(values.len());
        let end = self.length + values.len();
        if let Some(place) = self.buffer.get_mut(self.length..end) {
            place.copy_from_slice(values);
            self.length = end;
        }
    }

    /// Removes the last value.
    pub fn pop(&mut self) {
        self.length = self.length.saturating_sub(1);
    }

    /// Returns the values.
    #[must_use]
    pub fn slice(&self) -> &[T] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    /// Returns the values for changes.
    pub fn slice_mut(&mut self) -> &mut [T] {
        self.buffer.get_mut(..self.length).unwrap_or_default()
    }

    /// Removes all values, and frees the memory if it holds more than `kept` of them.
    pub fn clear(&mut self, kept: usize) {
        self.length = 0;
        if self.buffer.len() > kept {
            self.buffer.truncate(kept);
            self.buffer.shrink_to_fit();
        }
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.buffer.capacity() * size_of::<T>()
    }
}

impl Column<u8> {
    /// Appends a short value. It copies sixteen bytes at once if as many can be read and written.
    #[inline(always)]
    pub fn put_start(&mut self, start: Start<'_>) {
        if let (Some(sixteen), Some(room)) = (start.bytes.first_chunk::<16>(), self.buffer.get_mut(self.length..))
            && let Some(place) = room.first_chunk_mut::<16>()
            && start.length <= 16
        {
            *place = *sixteen;
            self.length += start.length;
        } else {
            self.extend(start.slice());
        }
    }
}

/// Bytes that are compared with the beginning of others many times. They are compared eight at a time, the last ones under a
/// mask.
#[derive(Clone, Debug)]
pub struct Prefix {
    words: Vec<u64>,
    last: u64,
    mask: u64,
    length: usize,
}

impl Prefix {
    /// Makes a prefix of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let (whole, rest) = bytes.as_chunks();
        let last = last_of(rest);
        let mask = !(u64::MAX << (8 * rest.len()));
        Self { words: whole.iter().map(|eight| u64::from_le_bytes(*eight)).collect(), last, mask, length: bytes.len() }
    }

    /// Returns whether `bytes` are equal to the prefix.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        let (whole, rest) = bytes.as_chunks();
        self.length == bytes.len()
            && whole.iter().map(|eight| u64::from_le_bytes(*eight)).eq(self.words.iter().copied())
            && last_of(rest) == self.last
    }

    /// Returns the length in bytes.
    #[must_use]
    #[inline(always)]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Returns what follows the prefix in `bytes`. Returns `None` if they do not begin with it, or if they end so soon that eight
    /// bytes cannot be read at a time.
    #[must_use]
    #[inline(always)]
    pub fn strip<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let mut eights = bytes.as_chunks::<8>().0.iter();
        for expected in &self.words {
            if u64::from_le_bytes(*eights.next()?) != *expected {
                return None;
            }
        }
        if (u64::from_le_bytes(*eights.next()?) ^ self.last) & self.mask != 0 {
            return None;
        }
        bytes.get(self.length..)
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

/// Loads fewer than eight bytes into a word, the first in the lowest byte.
fn last_of(rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

/// Fewer than eight bytes that are known at compile time. A comparison takes a few instructions.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: u64,
    mask: u64,
    length: usize,
}

impl Mark {
    /// Makes a mark of these bytes. Use it in a `const`: at run time this loop adds a sixth to the cost of a delta.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        let mut word = 0;
        let mut rest = bytes;
        while let [before @ .., last] = rest {
            word = word << 8 | *last as u64;
            rest = before;
        }
        Self { bytes: word, mask: !(u64::MAX << (8 * bytes.len())), length: bytes.len() }
    }

    /// Returns what follows the mark in `bytes`. Returns `None` if they do not begin with it, or if fewer than eight bytes can be
    /// read.
    #[must_use]
    #[inline(always)]
    pub fn strip(self, bytes: &[u8]) -> Option<&[u8]> {
        if (word(bytes, 0)? ^ self.bytes) & self.mask == 0 { bytes.get(self.length..) } else { None }
    }
}

/// Splits a text at the first place of an ASCII character, which is in neither half. Without one the second half is empty. The
/// search of the standard library is for any character and takes half a kilobyte of the download.
#[must_use]
pub fn cut(text: &str, at: u8) -> (&str, &str) {
    let end = memchr::memchr(at, text.as_bytes()).unwrap_or(text.len());
    (text.get(..end).unwrap_or(text), text.get(end + 1..).unwrap_or_default())
}

/// Loads eight bytes from an offset, the first in the lowest byte.
#[must_use]
#[inline(always)]
pub fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bytes_of_the_value_are_appended() {
        let bytes: Vec<u8> = (0..40).collect();
        for length in 0..=20 {
            for end in length..=40 {
                for room in [1, 17, 40] {
                    let mut out = Column::default();
                    out.reserve(room);
                    out.put(99);
                    out.put_start(Start { bytes: &bytes[..end], length });
                    assert_eq!(out.slice(), [&[99], &bytes[..length]].concat());
                }
            }
        }
    }

    #[test]
    fn a_column_grows_and_forgets() {
        let mut column = Column::default();
        for value in 0..100_u32 {
            column.push(value);
        }
        column.extend(&[7, 8]);
        column.pop();
        assert_eq!((column.slice().len(), column.slice().last()), (101, Some(&7)));
        column.clear(10);
        assert_eq!((column.slice(), column.footprint()), (&[][..], 40));
        column.pop();
        column.put(1);
        assert_eq!(column.slice(), [1]);
    }

    #[test]
    fn a_prefix_is_stripped_only_from_bytes_that_begin_with_it() {
        const DATA: Mark = Mark::of(b"data: ");
        assert_eq!(DATA.strip(b"data: 12345"), Some(&b"12345"[..]));
        for other in ["dat1: 12345", "data:12345", "Data: 1234", "data: 1"] {
            assert_eq!(DATA.strip(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn prefixes_are_compared_to_the_last_byte() {
        let bytes: Vec<u8> = (0..40).collect();
        for length in 0..=20 {
            let mut begun = bytes[..length].to_vec();
            let prefix = Prefix::of(&begun);
            assert_eq!(prefix.strip(&bytes), Some(&bytes[length..]));
            assert!(prefix.is(&begun) && !prefix.is(&bytes));
            for place in 0..length {
                begun[place] ^= 0x80;
                assert_eq!(Prefix::of(&begun).strip(&bytes), None, "{place} of {length}");
                assert!(!prefix.is(&begun), "{place} of {length}");
                begun[place] ^= 0x80;
            }
        }
        assert_eq!(Prefix::of(b"a").strip(b"ab"), None, "too near the end");
    }
}
