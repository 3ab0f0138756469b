//! Inline commands: what a person types into `nc`. Quoting is Redis' own (`sdssplitargs`).

use crate::violation::Violation;

/// What stands behind the space that `line` begins with.
pub(super) fn skip_space(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| !is_space(*byte)).unwrap_or(line.len());
    line.get(end..).unwrap_or_default()
}

/// As `isspace` in C: the vertical tab, too.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Appends the argument that `line` begins with, which is no space, without its quotes, and returns what stands behind it.
pub(super) fn take_argument<'a>(line: &'a [u8], argument: &mut Vec<u8>) -> Result<&'a [u8], Violation> {
    let mut rest = line;
    loop {
        rest = match rest {
            [] | [b' ' | b'\t' | b'\n' | b'\r', ..] => return Ok(rest),
            [b'"', quoted @ ..] => return behind_quotes(take_double(quoted, argument)?),
            [b'\'', quoted @ ..] => return behind_quotes(take_single(quoted, argument)?),
            [byte, behind @ ..] => {
                argument.push(*byte);
                behind
            }
        }
    }
}

/// What is quoted ends its argument.
fn behind_quotes(rest: &[u8]) -> Result<&[u8], Violation> {
    match rest.first() {
        None => Ok(rest),
        Some(byte) if is_space(*byte) => Ok(rest),
        Some(_) => Err(Violation::Quotes),
    }
}

/// Up to the closing `"`: `\xHH` is a byte, `\n`, `\r`, `\t`, `\b` and `\a` what they are in C, `\` before anything
/// else is that.
fn take_double<'a>(quoted: &'a [u8], argument: &mut Vec<u8>) -> Result<&'a [u8], Violation> {
    let mut rest = quoted;
    loop {
        let (byte, behind) = match rest {
            [] => return Err(Violation::Quotes),
            [b'"', behind @ ..] => return Ok(behind),
            [b'\\', b'x', high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (digit(*high) << 4 | digit(*low), behind)
            }
            [b'\\', escaped, behind @ ..] => (escape(*escaped), behind),
            [byte, behind @ ..] => (*byte, behind),
        };
        argument.push(byte);
        rest = behind;
    }
}

/// Up to the closing `'`; only `\'` means something else.
fn take_single<'a>(quoted: &'a [u8], argument: &mut Vec<u8>) -> Result<&'a [u8], Violation> {
    let mut rest = quoted;
    loop {
        let (byte, behind) = match rest {
            [] => return Err(Violation::Quotes),
            [b'\'', behind @ ..] => return Ok(behind),
            [b'\\', b'\'', behind @ ..] => (b'\'', behind),
            [byte, behind @ ..] => (*byte, behind),
        };
        argument.push(byte);
        rest = behind;
    }
}

fn escape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        b'a'..=b'f' => hex - b'a' + 10,
        _ => hex.saturating_sub(b'A') + 10,
    }
}
