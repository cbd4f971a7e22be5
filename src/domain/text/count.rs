//! Counts.

/// Renders a whole number with thousands separators: "3,000".
pub fn number(number: impl TryInto<u64>) -> String {
    let digits = whole(number).to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Renders a number with its noun: "1 file", "3,000 files", "2 entries". The noun is given in the singular.
pub fn count(of: impl TryInto<u64>, noun: &str) -> String {
    let of = whole(of);
    let shown = number(of);
    if of == 1 { format!("{shown} {noun}") } else { format!("{shown} {}", plural(noun)) }
}

/// No count of this program exceeds 64 bits.
fn whole(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}

fn plural(noun: &str) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    match noun.strip_suffix('y') {
        Some(stem) if !ends(&["ay", "ey", "oy", "uy"]) => format!("{stem}ies"),
        _ if ends(&["s", "x", "z", "ch", "sh"]) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts() {
        let table = [
            (0, "file", "0 files"),
            (1, "file", "1 file"),
            (2, "entry", "2 entries"),
            (2, "key", "2 keys"),
            (2, "prefix", "2 prefixes"),
            (2, "batch", "2 batches"),
            (999, "resource", "999 resources"),
            (3000, "more changed text", "3,000 more changed texts"),
            (1_234_567, "file", "1,234,567 files"),
        ];
        for (number, noun, shown) in table {
            assert_eq!(count(number, noun), shown);
        }
        assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
    }

    proptest! {
        #[test]
        fn separators_are_all_that_is_added(value in any::<u64>()) {
            let shown = number(value);
            prop_assert_eq!(shown.replace(',', ""), value.to_string());
            let groups: Vec<usize> = shown.split(',').map(str::len).collect();
            prop_assert!((1..=3).contains(&groups[0]) && groups[1..].iter().all(|group| *group == 3), "{}", shown);
        }
    }
}
