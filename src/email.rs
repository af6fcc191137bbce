//! zod 4's e-mail pattern as a scanner: one pass, no backtracking, no regular expression engine.

/// The pattern as zod reports it in an issue: source and slashes.
///
/// It is the specification of [`is_email`]. It has no flags, so its classes are ASCII and `$` is the end of the text alone.
pub(crate) const PATTERN: &str =
    r"/^(?:[A-Za-z0-9_'+\-]+\.)*[A-Za-z0-9_'+\-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$/";

/// `[A-Za-z]`
const LETTER: u8 = 1;
/// `[A-Za-z0-9]`
const ALPHANUMERIC: u8 = 1 << 1;
/// `[A-Za-z0-9\-]`
const LABEL: u8 = 1 << 2;
/// `[A-Za-z0-9_'+\-]`
const LOCAL: u8 = 1 << 3;

/// The classes of every byte. A byte outside ASCII has none, so text outside ASCII never matches.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'A'..=b'Z' | b'a'..=b'z' => LETTER | ALPHANUMERIC | LABEL | LOCAL,
            b'0'..=b'9' => ALPHANUMERIC | LABEL | LOCAL,
            b'-' => LABEL | LOCAL,
            b'_' | b'+' | b'\'' => LOCAL,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// Whether [`PATTERN`] matches `text`, in time linear in its length.
#[must_use]
pub(crate) fn is_email(text: &str) -> bool {
    local_part(text.as_bytes()).is_some_and(is_domain)
}

/// What follows the `@` of a well-formed local part: non-empty runs between dots, no apostrophe before the `@`.
fn local_part(text: &[u8]) -> Option<&[u8]> {
    // As if a dot stood before the text: a dot, or the `@`, must not come first.
    let mut before = b'.';
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'@' => return (before != b'.' && before != b'\'').then(|| &text[at + 1..]),
            b'.' if before == b'.' => return None,
            b'.' => {}
            _ if is(byte, LOCAL) => {}
            _ => return None,
        }
        before = byte;
    }
    None
}

/// At least two labels; the last is of letters alone, at least two. A label may end with a hyphen: zod lets it.
fn is_domain(text: &[u8]) -> bool {
    let (mut dotted, mut length, mut letters) = (false, 0_usize, true);
    for &byte in text {
        if byte == b'.' {
            if length == 0 {
                return false;
            }
            (dotted, length, letters) = (true, 0, true);
            continue;
        }
        if !is(byte, if length == 0 { ALPHANUMERIC } else { LABEL }) {
            return false;
        }
        length += 1;
        letters &= is(byte, LETTER);
    }
    dotted && letters && length >= 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where it starts, which character it takes, where that leads.
    type Piece<'a> = (usize, &'a dyn Fn(char) -> bool, &'a [usize]);

    /// [`PATTERN`] read from left to right as a non-deterministic automaton: bit n is "may stand before piece n".
    fn reference(text: &str) -> bool {
        let local = |c: char| c.is_ascii_alphanumeric() || "_'+-".contains(c);
        let end = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
        let pieces: [Piece<'_>; 11] = [
            (0, &local, &[1]),                                     // first of `[…]+` in the group
            (1, &local, &[1]),                                     // more of it
            (1, &|c| c == '.', &[0, 3]),                           // `\.`, then the group again or what follows it
            (3, &local, &[3]),                                     // `[…]*`
            (3, &end, &[4]),                                       // the last character of the local part
            (4, &|c| c == '@', &[5]),                              //
            (5, &|c| c.is_ascii_alphanumeric(), &[6]),             // first of a label
            (6, &|c| c.is_ascii_alphanumeric() || c == '-', &[6]), // more of it
            (6, &|c| c == '.', &[5, 7]),                           // `\.`, then another label or the last
            (7, &|c| c.is_ascii_alphabetic(), &[8]),               // `{2,}`: the first
            (8, &|c| c.is_ascii_alphabetic(), &[8, 9]),            // and all others
        ];
        let mut states = vec![0, 3];
        for c in text.chars() {
            let steps = pieces.iter().filter(|(from, takes, _)| states.contains(from) && takes(c));
            let mut next: Vec<usize> = steps.flat_map(|(_, _, to)| to.iter().copied()).collect();
            next.sort_unstable();
            next.dedup();
            states = next;
        }
        states.contains(&9)
    }

    #[test]
    fn accepts_and_refuses_as_zod_does() {
        for good in ["a@b.co", "A.B+c_d'e-f@x-.y9.museum", "-@0.aa", "a'b@c.de", "o'neil@example.ie", "a@b.c.d.ee"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "@",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a@b.c",
            "a@b.c1",
            "a@b.co.",
            "a@.co",
            "a@b..co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.de",
            "a'@b.co",
            "a@-b.co",
            "a@b.co\n",
            " a@b.co",
            "a@b@c.de",
            "é@b.co",
            "a@b.cö",
            "ſ@b.co",
            "a@\u{212a}.com",
            "a@b.1a",
            "a@1.2.3.4",
        ] {
            assert!(!is_email(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_megabyte_of_near_misses_is_one_pass() {
        for part in ["a", "a.", "a@b.", "'", "-", "a@"] {
            assert!(!is_email(&part.repeat(1 << 20)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn equals_the_pattern_on_its_alphabet(text in "[aZ09_'+.@é-]{0,14}") {
            prop_assert_eq!(is_email(&text), reference(&text));
        }

        #[test]
        fn equals_the_pattern_near_matches(
            good in "([a-z0-9_'+-]{1,3}\\.){0,2}[a-z_+-]{1,2}@([a-z0-9][a-z0-9-]{0,2}\\.){1,3}[a-zA-Z]{2,4}",
            at in any::<prop::sample::Index>(),
            instead in proptest::option::of("[aZ0_'+.@é\\n-]"),
        ) {
            prop_assert!(is_email(&good) && reference(&good));
            let at = at.index(good.len());
            let text = format!("{}{}{}", &good[..at], instead.unwrap_or_default(), &good[at + 1..]);
            prop_assert_eq!(is_email(&text), reference(&text), "{}", text);
        }

        #[test]
        fn equals_the_pattern_on_any_text(text in any::<String>()) {
            prop_assert_eq!(is_email(&text), reference(&text));
        }
    }
}
