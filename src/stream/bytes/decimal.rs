//! Unsigned integers as decimal text. `Display` and `FromStr` are not used here: their machinery costs more time and more bytes
//! of WebAssembly than everything else that is done with a number.

use crate::stream::bytes::short::word;

/// Appends a number in decimal.
pub fn write(out: &mut String, number: u64) {
    const EIGHT_DIGITS: u64 = 100_000_000;
    if number < 10 {
        return out.push(char::from(b'0' + number as u8));
    }
    let (high, low) = (number / EIGHT_DIGITS, number % EIGHT_DIGITS);
    let digits = eight_digits(low);
    let mut zeros = 0;
    if high > 0 {
        write(out, high);
    } else {
        zeros = digits.trailing_zeros() as usize / 8;
    }
    let ascii = (digits | u64::from_le_bytes([b'0'; 8])).to_le_bytes();
    out.push_str(ascii.get(zeros..).and_then(|ascii| str::from_utf8(ascii).ok()).unwrap_or_default());
}

/// Returns a number in decimal.
#[must_use]
pub fn text(number: u64) -> String {
    let mut text = String::new();
    write(&mut text, number);
    text
}

/// Reads a text of digits only: no sign, no space. Returns `None` for an empty text and for numbers above 64 bits.
#[must_use]
pub fn read(digits: &[u8]) -> Option<u64> {
    /// A number of this many digits always fits in 64 bits.
    const SAFE: usize = 19;
    let (safe, rest) = digits.split_at_checked(SAFE).unwrap_or((digits, &[]));
    let mut number = 0_u64;
    for byte in safe {
        number = number * 10 + digit(*byte)?;
    }
    for byte in rest {
        number = number.checked_mul(10)?.checked_add(digit(*byte)?)?;
    }
    (!digits.is_empty()).then_some(number)
}

/// Reads the number at the beginning of `text`. Returns the number and its length in bytes. Returns `None` if there is no number,
/// if it has a leading zero or more than 15 digits, or if fewer than eight bytes are left to read.
#[must_use]
#[inline(always)]
pub fn scan(text: &[u8]) -> Option<(u64, usize)> {
    if let [digit @ b'0'..=b'9', next, ..] = text
        && !next.is_ascii_digit()
    {
        return Some((u64::from(*digit - b'0'), 1));
    }
    let (mut number, mut length) = up_to_eight(word(text, 0)?);
    if length == 8 {
        let (rest, more) = up_to_eight(word(text, 8)?);
        number = number * POWERS.get(more)? + rest;
        length += more;
    }
    let is_canonical = length > 1 && !matches!(text, [b'0', ..]);
    (is_canonical && length < 16).then_some((number, length))
}

/// Converts eight ASCII digits, the first in the lowest byte, to a number. Returns `None` if a byte is no digit.
#[must_use]
#[inline(always)]
pub fn eight(ascii: u64) -> Option<u64> {
    let digits = ascii ^ ZEROS;
    // For a digit above nine, adding six carries into the high half of its byte. If that carries into the next byte, this byte is
    // no digit already.
    let others = (digits | digits.wrapping_add(SIXES)) & HIGH;
    if others == 0 { Some(joined(digits)) } else { None }
}

const HIGH: u64 = 0xF0F0_F0F0_F0F0_F0F0;
const SIXES: u64 = 0x0606_0606_0606_0606;
/// The ASCII digit zero in each byte.
pub const ZEROS: u64 = 0x3030_3030_3030_3030;

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Returns the number that the leading digits of a word form, and how many digits there are.
#[inline(always)]
fn up_to_eight(ascii: u64) -> (u64, usize) {
    // For a digit above nine, adding six carries into the high half of its byte. It cannot carry further, because no byte that
    // matters is above 0x7F.
    let digits = ascii ^ ZEROS;
    let others = (digits | (digits & !HIGH).wrapping_add(SIXES)) & HIGH;
    let length = others.trailing_zeros() as usize / 8;
    // Shifts the digits to the end and fills the front with zeros.
    let aligned = if length == 0 { 0 } else { digits << (64 - 8 * length) };
    (joined(aligned), length)
}

/// Combines eight digits, one in each byte, into one number.
#[inline(always)]
fn joined(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xFFFF_FFFF
}

fn digit(byte: u8) -> Option<u64> {
    let value = byte.wrapping_sub(b'0');
    (value < 10).then_some(u64::from(value))
}

/// Splits a number below 100 000 000 into eight decimal digits, one in each byte, the first in the lowest. It splits halves, then
/// pairs, then digits, each in parallel. The multiplications stand in for divisions by 100 and 10, and are exact in this range.
fn eight_digits(number: u64) -> u64 {
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let pairs = hundreds | ((halves - hundreds * 100) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | ((pairs - tens * 10) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_printed_and_read_back() {
        for number in [0, 9, 99_999_999, 100_000_000, 100_000_001, 1_763_840_000_007, 10_000_000_000_000_000, u64::MAX]
        {
            assert_eq!(text(number), number.to_string());
            assert_eq!(read(text(number).as_bytes()), Some(number));
        }
    }

    #[test]
    fn every_number_of_eight_digits_is_parted_rightly() {
        for number in (0..100_000_000).step_by(9_973).chain(99_990_000..100_000_000) {
            let ascii = (eight_digits(number) | u64::from_le_bytes([b'0'; 8])).to_le_bytes();
            assert_eq!(str::from_utf8(&ascii), Ok(format!("{number:08}").as_str()));
        }
    }

    #[test]
    fn eight_digits_are_a_number_and_anything_among_them_makes_it_none() {
        for digits in ["00000000", "00012345", "12345678", "99999999"] {
            let bytes: [u8; 8] = digits.as_bytes().try_into().unwrap();
            assert_eq!(eight(u64::from_le_bytes(bytes)), digits.parse().ok());
            for (place, byte) in (0..8).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte))) {
                let mut spoilt = bytes;
                spoilt[place] = byte;
                assert_eq!(eight(u64::from_le_bytes(spoilt)).is_some(), byte.is_ascii_digit(), "{byte} at {place}");
            }
        }
    }

    #[test]
    fn a_number_at_the_beginning_is_scanned_with_its_length() {
        for number in [0, 7, 10, 1_234_567, 12_345_678, 87_654_321, 123_456_789, 1_763_840_000_007, 999_999_999_999_999]
        {
            for rest in ["-0000000", "/9999999", ":9999999", "\n       ", "\u{0}\u{1}\u{f}\u{1f}\u{7f}+++", "é漢🎉"]
            {
                let digits = text(number);
                assert_eq!(scan([&digits, rest].concat().as_bytes()), Some((number, digits.len())), "{digits}{rest}");
            }
        }
        for text in ["", "x", "00", "01", "012345678", "1000000000000000", "99999999999999999999", "-1"] {
            assert_eq!(scan([text, "         "].concat().as_bytes()), None, "{text:?}");
        }
        assert_eq!(scan(b"1234567"), None, "too near the end");
    }

    #[test]
    fn anything_but_digits_that_fit_is_no_number() {
        for text in
            ["", "-", "+1", "-1", " 1", "1 ", "1.5", "1e3", "0x1", "18446744073709551616", "99999999999999999999"]
        {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(read(b"00000000000000000000000000007"), Some(7));
    }
}
