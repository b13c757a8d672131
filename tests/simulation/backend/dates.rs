//! Formats dates as servers do: ISO 8601 in bodies, RFC 9110 in the `Date` header.

struct Calendar {
    year: u64,
    month: usize,
    day: u64,
    hours: u64,
    minutes: u64,
    seconds: u64,
    ms: u64,
}

pub fn iso8601(ms: u64) -> String {
    let Calendar { year, month, day, hours, minutes, seconds, ms } = Calendar::of(ms);
    format!("{year}-{:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{ms:03}Z", month + 1)
}

pub fn http_date(ms: u64) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms))
}

impl Calendar {
    /// Counts years and months from 1970.
    fn of(ms: u64) -> Self {
        let (mut days, seconds) = (ms / 86_400_000, ms / 1_000 % 86_400);
        let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let mut year = 1970;
        while days >= 365 + u64::from(leap(year)) {
            days -= 365 + u64::from(leap(year));
            year += 1;
        }
        let mut month = 0;
        for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        Self { year, month, day: days + 1, hours, minutes, seconds, ms: ms % 1_000 }
    }
}

#[test]
fn dates_are_those_of_the_calendar() {
    assert_eq!(iso8601(784_111_777_042), "1994-11-06T08:49:37.042Z");
    assert_eq!(http_date(784_111_777_042), "Sun, 06 Nov 1994 08:49:37 GMT");
}
