//! Cuts text at ASCII characters. Not by `split` and `find`, whose machinery for patterns of every sort is more code than
//! all that is cut here.

/// What stands before and behind the first such character; `None` where there is none.
#[must_use]
pub fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    cut_where(text, |byte| byte == at)
}

/// The same for a choice of characters, all of which have to be ASCII.
pub fn cut_where(text: &str, is: impl Fn(u8) -> bool) -> Option<(&str, &str)> {
    let at = text.bytes().position(is)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// What stands before the first such character, else all of it.
#[must_use]
pub fn before(text: &str, at: u8) -> &str {
    cut(text, at).map_or(text, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_as_the_standard_library_cuts_it() {
        for text in ["", ":", "a", "a:", ":b", "a:b", "a:b:c", "ä:ö", "äö"] {
            assert_eq!(cut(text, b':'), text.split_once(':'), "{text:?}");
            assert_eq!(Some(before(text, b':')), text.split(':').next(), "{text:?}");
        }
        assert_eq!(cut_where("a b:c", |byte| matches!(byte, b':' | b' ')), Some(("a", "b:c")));
    }
}
