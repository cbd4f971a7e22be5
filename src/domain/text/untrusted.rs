//! Text that someone else wrote: file names, reasons, commit messages, logs. What an approver reads must be what is
//! there, so a character that hides, moves or steers is shown as an escape such as `\u{202e}`, on every surface.

use unicode_normalization::char::is_combining_mark;

/// Marks above and below a letter that are shown; more of them would run over the lines around.
const MARKS: usize = 2;
/// Asks for the coloured form of the sign before it.
const EMOJI_STYLE: char = '\u{FE0F}';
/// Draws a key around the digit before it.
const KEYCAP: char = '\u{20E3}';

/// How a character shows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Has a shape of its own.
    Shown,
    /// Leaves a gap within a line; tabs as well.
    Blank,
    /// Ends a line.
    LineBreak,
    /// Steers a terminal or another reader of the text.
    Control,
    /// Turns the direction of the text around it.
    Bidi,
    /// Has no shape, whatever else it does.
    Invisible,
}

/// Classifies a character by itself. Those that only count in company, such as the third mark above a letter, are
/// [`Class::Shown`].
pub fn classify(c: char) -> Class {
    match c {
        '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Class::LineBreak,
        c if c.is_whitespace() => Class::Blank,
        c if c.is_control() => Class::Control,
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Class::Bidi,
        c if is_invisible(c) => Class::Invisible,
        _ => Class::Shown,
    }
}

/// The characters that Unicode lets programs ignore, noncharacters, and those whose shape is empty.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{70F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FDD0}'..='\u{FDEF}'
        | '\u{FE00}'..='\u{FE0E}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{13430}'..='\u{13440}'
        | '\u{16FE4}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D159}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
        || u32::from(c) & 0xFFFE == 0xFFFE
}

/// Makes foreign text safe to show within a line: whatever cannot be seen, line breaks and tabs included, is an escape.
pub fn visible(text: &str) -> String {
    escaped(text, |_| false)
}

/// Does the same for text that is laid out in lines of its own: `\n` and tabs stay.
pub fn visible_lines(text: &str) -> String {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let (mut before, mut marks) = (None, 0);
    while let Some(c) = characters.next() {
        marks = if is_combining_mark(c) || c == EMOJI_STYLE { marks + 1 } else { 0 };
        let is_seen = match classify(c) {
            Class::Shown if c == EMOJI_STYLE => is_styled(before, characters.peek().copied()),
            Class::Shown => marks <= MARKS,
            Class::Blank => c != '\t',
            Class::LineBreak | Class::Control | Class::Bidi | Class::Invisible => false,
        };
        if is_seen || stays(c) {
            safe.push(c);
        } else {
            safe.extend(c.escape_default());
        }
        before = Some(c);
    }
    safe
}

/// Whether the emoji style between two characters changes what is seen; behind a letter it would hide.
fn is_styled(before: Option<char>, after: Option<char>) -> bool {
    match before {
        Some('0'..='9' | '#' | '*') => after == Some(KEYCAP),
        // The two letters that have such a form.
        Some('\u{2139}' | '\u{24C2}') => true,
        Some(c) => {
            let is_sign = !c.is_ascii() && !c.is_alphanumeric() && !is_combining_mark(c) && c != EMOJI_STYLE;
            is_sign && classify(c) == Class::Shown
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes() {
        let table = [
            (Class::Bidi, "\u{202E}\u{202C}\u{202A}\u{2066}\u{2069}\u{200E}\u{200F}\u{061C}"),
            (Class::Control, "\u{0}\u{7}\u{8}\u{1B}\u{7F}\u{80}\u{9B}\u{9D}"),
            (Class::LineBreak, "\n\r\u{B}\u{C}\u{85}\u{2028}\u{2029}"),
            (Class::Blank, " \t\u{A0}\u{2003}\u{202F}\u{3000}"),
            (Class::Invisible, "\u{200B}\u{200C}\u{200D}\u{2060}\u{FEFF}\u{AD}\u{34F}\u{3164}\u{115F}\u{2800}"),
            (Class::Invisible, "\u{E0001}\u{E0041}\u{E007F}\u{E0100}\u{FE00}\u{180E}\u{FFF9}\u{FFFE}\u{1FFFF}"),
            (Class::Shown, "aß日א\u{301}👍\u{1F3FD}\u{FFFD}~\\−…\u{FE0F}"),
        ];
        for (class, characters) in table {
            for c in characters.chars() {
                assert_eq!(classify(c), class, "{c:?}");
            }
        }
    }

    #[test]
    fn foreign_text_shows_all_there_is() {
        let table = [
            ("Grüße, 日本語 — ok", "Grüße, 日本語 — ok"),
            ("a\u{1b}[31mb\r\n\t", r"a\u{1b}[31mb\r\n\t"),
            ("x\u{202E}txt.exe", r"x\u{202e}txt.exe"),
            ("in\u{200B}dex.html", r"in\u{200b}dex.html"),
            ("in\u{FE0F}dex.html", r"in\u{fe0f}dex.html"),
            ("1\u{FE0F}.html", r"1\u{fe0f}.html"),
            ("⚠\u{FE0F} 1\u{FE0F}\u{20E3} ℹ\u{FE0F} 👍🏽", "⚠\u{FE0F} 1\u{FE0F}\u{20E3} ℹ\u{FE0F} 👍🏽"),
            ("⚠\u{FE0F}\u{FE0F}", "⚠\u{FE0F}\\u{fe0f}"),
            ("a\u{2028}b\u{85}c", r"a\u{2028}b\u{85}c"),
            ("z\u{300}\u{301}\u{302}\u{303}!", "z\u{300}\u{301}\\u{302}\\u{303}!"),
            ("\u{3164}\u{E0041}\u{0}\u{9B}", r"\u{3164}\u{e0041}\u{0}\u{9b}"),
            ("", ""),
        ];
        for (text, shown) in table {
            assert_eq!(visible(text), shown, "{text:?}");
        }
        assert_eq!(visible_lines("a\n\tb\r\n\u{2028}\u{202E}c"), "a\n\tb\\r\n\\u{2028}\\u{202e}c");
    }

    fn tricky() -> impl Strategy<Value = String> {
        let tricks = prop::sample::select(
            "\u{202E}\u{2066}\u{200B}\u{FEFF}\u{301}\u{FE0F}\u{20E3}⚠1a\n\t\r\u{1B} \u{E0041}"
                .chars()
                .collect::<Vec<_>>(),
        );
        prop::collection::vec(prop_oneof![tricks, any::<char>()], 0..40)
            .prop_map(|characters| characters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_hides(text in tricky()) {
            let shown = visible(&text);
            for c in shown.chars() {
                prop_assert!(matches!(classify(c), Class::Shown | Class::Blank) && c != '\t', "{:?}", shown);
            }
            let mut marks = 0;
            for c in shown.chars() {
                marks = if is_combining_mark(c) { marks + 1 } else { 0 };
                prop_assert!(marks <= MARKS, "{:?}", shown);
            }
            prop_assert!(!shown.contains("a\u{FE0F}"), "{:?}", shown);
            prop_assert_eq!(visible(&shown), shown.clone(), "what is visible stays as it is");
        }

        #[test]
        fn different_lines_stay_lines(text in tricky()) {
            let shown = visible_lines(&text);
            prop_assert_eq!(shown.matches('\n').count(), text.matches('\n').count());
            prop_assert_eq!(visible(&shown.replace(['\n', '\t'], " ")), shown.replace(['\n', '\t'], " "));
        }

        #[test]
        fn words_are_left_alone(text in "[ -~äöüßéñ日本語中文字繁體א-ת]*") {
            prop_assert_eq!(visible(&text), text);
        }
    }
}
