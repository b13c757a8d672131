//! The two date formats that a backend sends: HTTP dates (RFC 9110 §5.6.7, the fixed form only) and ISO 8601.

use std::time::UNIX_EPOCH;

use crate::stream::Millis;
use crate::stream::bytes::decimal;

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
#[must_use]
pub fn parse_http_date(text: &str) -> Option<Millis> {
    let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Millis::try_from(since_epoch.as_millis()).ok()
}

/// `1994-11-06T08:49:37.123Z`, also with an offset (`+01:00`) or none, which means UTC.
#[must_use]
pub fn parse_iso8601(text: &str) -> Option<Millis> {
    let (days, clock) = text.split_once(['T', ' '])?;
    let (year, days) = days.split_once('-')?;
    let (month, day) = days.split_once('-')?;
    let (clock, offset) = split_offset(clock)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let local = date(number(year)?, number(month)?, number(day)?, seconds_of_day(clock)?)?;
    (local + milliseconds(fraction)?).checked_add_signed(-offset)
}

/// The clock without its zone, and the zone in milliseconds east of UTC.
fn split_offset(clock: &str) -> Option<(&str, i64)> {
    if let Some(utc) = clock.strip_suffix('Z').or_else(|| clock.strip_suffix('z')) {
        return Some((utc, 0));
    }
    let Some(at) = clock.bytes().rposition(|byte| matches!(byte, b'+' | b'-')) else { return Some((clock, 0)) };
    let (clock, zone) = clock.split_at_checked(at)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let minutes = number(hours)?.checked_mul(60)?.checked_add(number(minutes)?)?;
    let east = i64::try_from(minutes).ok()?.checked_mul(60_000)?;
    Some((clock, if zone.starts_with('-') { -east } else { east }))
}

fn milliseconds(fraction: &str) -> Option<Millis> {
    let digits = fraction.get(..fraction.len().min(3))?;
    if digits.is_empty() {
        return Some(0);
    }
    let scale = [100, 10, 1].get(digits.len() - 1).copied()?;
    Some(number(digits)? * scale)
}

fn seconds_of_day(clock: &str) -> Option<u64> {
    let (hours, rest) = clock.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
    (hours < 24 && minutes < 60 && seconds < 61).then_some((hours * 60 + minutes) * 60 + seconds)
}

fn number(text: &str) -> Option<u64> {
    decimal::read(text.strip_prefix('+').unwrap_or(text).as_bytes())
}

/// Days since 1970 by the Gregorian calendar, counted from the first of March so that leap days come last.
fn date(year: u64, month: u64, day: u64, seconds: u64) -> Option<Millis> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some((days.checked_sub(719_468)? * 86_400 + seconds) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read_in_the_preferred_and_the_obsolete_forms() {
        assert_eq!(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse_http_date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000_000));
    }

    #[test]
    fn other_texts_are_no_http_date() {
        for text in ["", "120", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Foo 1994 08:49:37 GMT"] {
            assert_eq!(parse_http_date(text), None, "{text:?}");
        }
    }

    #[test]
    fn iso_dates_are_read_with_fraction_and_zone() {
        assert_eq!(parse_iso8601("1994-11-06T08:49:37Z"), Some(784_111_777_000));
        assert_eq!(parse_iso8601("1994-11-06T08:49:37.5Z"), Some(784_111_777_500));
        assert_eq!(parse_iso8601("1994-11-06T08:49:37.123456"), Some(784_111_777_123));
        assert_eq!(parse_iso8601("1994-11-06T09:49:37+01:00"), Some(784_111_777_000));
        assert_eq!(parse_iso8601("1994-11-06T03:19:37-05:30"), Some(784_111_777_000));
    }

    #[test]
    fn other_texts_are_no_iso_date() {
        let far = "1994-11-06T08:49:37+18446744073709551615:00";
        for text in
            [far, "", "now", "1994-11-06", "1994-13-06T08:49:37Z", "1994-11-06T25:00:00Z", "1994-11-06T08:49:37+xx:00"]
        {
            assert_eq!(parse_iso8601(text), None, "{text:?}");
        }
    }
}
