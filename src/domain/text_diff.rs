//! Compares two texts line by line: the changed lines with some context.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// The unchanged lines shown around a change.
const AROUND: usize = 3;
/// The most lines kept.
const MAX_LINES: usize = 1_000;
/// The longest line kept, in characters: some pages are one long line.
const MAX_CHARS: usize = 1_000;
/// The time to search for the shortest difference; after that, a longer one is used.
const PATIENCE: Duration = Duration::from_millis(150);

/// Whether a line went, came or stayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names say it.
pub enum Mark {
    Removed,
    Added,
    Same,
}

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// Whether the line was removed, added or kept.
    pub mark: Mark,
    /// The line number in the old text, from 1.
    pub old: Option<usize>,
    /// The line number in the new text, from 1.
    pub new: Option<usize>,
    /// The text without its line ending.
    pub text: String,
}

/// How two texts differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Groups of nearby changes.
    pub hunks: Vec<Vec<Line>>,
    /// The number of added lines.
    pub added: usize,
    /// The number of removed lines.
    pub removed: usize,
    /// Whether lines or parts of lines were left out.
    pub is_cut: bool,
}

/// Compares two texts.
pub fn compare(old: &str, new: &str) -> Difference {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let mut result = Difference::default();
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Delete => result.removed += 1,
            ChangeTag::Insert => result.added += 1,
            ChangeTag::Equal => {}
        }
    }
    let mut left = MAX_LINES;
    for group in diff.grouped_ops(AROUND) {
        let mut hunk = Vec::new();
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            if left == 0 {
                result.is_cut = true;
                break;
            }
            left -= 1;
            let whole = change.value().trim_end_matches(['\r', '\n']);
            let text: String = whole.chars().take(MAX_CHARS).collect();
            result.is_cut |= text.len() < whole.len();
            hunk.push(Line {
                mark: match change.tag() {
                    ChangeTag::Delete => Mark::Removed,
                    ChangeTag::Insert => Mark::Added,
                    ChangeTag::Equal => Mark::Same,
                },
                old: change.old_index().map(|index| index + 1),
                new: change.new_index().map(|index| index + 1),
                text,
            });
        }
        if !hunk.is_empty() {
            result.hunks.push(hunk);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(difference: &Difference) -> Vec<String> {
        let sign = |line: &Line| match line.mark {
            Mark::Removed => '-',
            Mark::Added => '+',
            Mark::Same => ' ',
        };
        difference.hunks.iter().flatten().map(|line| format!("{}{}", sign(line), line.text)).collect()
    }

    #[test]
    fn changed_lines_stand_with_those_around_them() {
        let old: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let new = old.replace("line 10\n", "line ten\n");
        let difference = compare(&old, &new);
        assert_eq!(
            shown(&difference),
            [" line 7", " line 8", " line 9", "-line 10", "+line ten", " line 11", " line 12", " line 13"]
        );
        assert_eq!((difference.added, difference.removed, difference.is_cut), (1, 1, false));
        let line = &difference.hunks[0][4];
        assert_eq!((line.old, line.new), (None, Some(10)));
    }

    #[test]
    fn much_is_cut_and_says_so() {
        let long = compare("", &"x".repeat(MAX_CHARS + 1));
        assert!(long.is_cut && long.hunks[0][0].text.len() == MAX_CHARS);
        let many = compare("", &"x\n".repeat(MAX_LINES + 1));
        assert!(many.is_cut && many.hunks.iter().map(Vec::len).sum::<usize>() == MAX_LINES);
        assert_eq!(many.added, MAX_LINES + 1);
    }

    proptest! {
        /// Shows only lines of each side, in order, and nothing for equal texts.
        #[test]
        fn only_what_is_there_is_shown(old in "([ab]\n){0,9}", new in "([ab]\n){0,9}") {
            let difference = compare(&old, &new);
            prop_assert_eq!(difference.hunks.is_empty(), old == new);
            let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
            for line in difference.hunks.iter().flatten() {
                prop_assert!(line.old.is_none_or(|number| old[number - 1] == line.text));
                prop_assert!(line.new.is_none_or(|number| new[number - 1] == line.text));
            }
            prop_assert_eq!(old.len() + difference.added, new.len() + difference.removed);
        }
    }
}
