//! The value of a field of a log line: bounded, and without anything that would end the line or speak to
//! a terminal. Some values come from outside, as the words of a driver or of a peer do.

use std::fmt::{self, Write};

/// The most bytes of a value.
const MOST: usize = 1024;
/// The mark where the rest was cut off.
const CUT: &str = "…";

/// Passes on what is written to it up to the most bytes of a value.
pub(super) struct Bounded<W> {
    inner: W,
    /// How many bytes there is room for, until the value is cut off.
    left: Option<usize>,
}

impl<W: Write> Bounded<W> {
    pub(super) const fn new(inner: W) -> Self {
        Self {
            inner,
            left: Some(MOST),
        }
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let Some(left) = self.left else {
                break;
            };
            let length = if character.is_control() {
                character.escape_default().count()
            } else {
                character.len_utf8()
            };
            self.left = left.checked_sub(length);
            if self.left.is_none() {
                return self.inner.write_str(CUT);
            }
            if character.is_control() {
                write!(self.inner, "{}", character.escape_default())?;
            } else {
                self.inner.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// A text that is a value, for a format that escapes what it must by itself.
pub(super) fn cut(mut text: String) -> String {
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push_str(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut written = String::new();
        write!(Bounded::new(&mut written), "{text}").unwrap();
        written
    }

    #[test]
    fn a_value_is_cut_where_it_is_too_long_and_not_within_a_character() {
        assert_eq!(written("short"), "short");
        let exact = "x".repeat(MOST);
        assert_eq!(written(&exact), exact);
        assert_eq!(cut(exact.clone()), exact);
        let longer = "x".repeat(MOST - 1) + "é and more";
        for cut in [written(&longer), cut(longer)] {
            assert_eq!(cut, "x".repeat(MOST - 1) + CUT);
        }
    }

    #[test]
    fn a_value_is_cut_once_however_it_is_written() {
        let mut out = String::new();
        let mut bounded = Bounded::new(&mut out);
        for _ in 0..MOST {
            bounded.write_str("ab").unwrap();
            bounded.write_char('c').unwrap();
        }
        assert_eq!(out.len(), MOST + CUT.len());
        assert_eq!(out.matches(CUT).count(), 1);
    }

    #[test]
    fn nothing_in_a_value_ends_the_line_or_speaks_to_a_terminal() {
        assert_eq!(written("one\ntwo\u{1b}[31m é"), "one\\ntwo\\u{1b}[31m é");
    }
}
