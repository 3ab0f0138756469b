//! Integers as the protocol has them.

/// Reads a decimal integer that is spelled as it would be written: no sign but `-`, no leading zero, nothing around
/// it. `None` for anything else, and for what does not fit.
#[inline]
#[must_use]
pub fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let magnitude = match digits {
        [b'0'] if negative => return None,
        [b'0'] => return Some(0),
        [b'1'..=b'9', rest @ ..] if rest.len() < 19 => {
            digits.iter().try_fold(0_u64, |sum, digit| match digit {
                b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
                _ => None,
            })?
        }
        _ => return None,
    };
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_plain_spelling_is_a_number() {
        for text in
            ["", "-", "+1", "01", "-01", "-0", "00", " 1", "1 ", "1_0", "0x1", "1.0", "1e3", "\u{661}"]
        {
            assert_eq!(integer(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_no_number() {
        for text in
            ["9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999"]
        {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
        for number in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(integer(number.to_string().as_bytes()), Some(number));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: i64) {
            prop_assert_eq!(integer(number.to_string().as_bytes()), Some(number));
        }
    }
}
