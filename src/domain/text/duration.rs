//! Durations.

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The names say it.
pub enum Unit {
    Day,
    Hour,
    Minute,
    Second,
}

impl Unit {
    /// The units with their seconds, the largest first.
    const ALL: [(Unit, u64); 4] = [(Unit::Day, 86_400), (Unit::Hour, 3600), (Unit::Minute, 60), (Unit::Second, 1)];

    fn symbol(self) -> &'static str {
        match self {
            Unit::Day => "d",
            Unit::Hour => "h",
            Unit::Minute => "min",
            Unit::Second => "s",
        }
    }
}

/// Splits a duration into its largest unit and, unless that is zero, the next smaller one. What is below them is
/// dropped. Renderings in other languages start here.
pub fn parts(seconds: u64) -> Vec<(u64, Unit)> {
    let first = Unit::ALL.iter().position(|(_, length)| seconds >= *length).unwrap_or(Unit::ALL.len() - 1);
    let mut rest = seconds;
    let mut parts = Vec::with_capacity(2);
    for (unit, length) in Unit::ALL.iter().skip(first).take(2) {
        let number = rest / length;
        rest %= length;
        if number > 0 || parts.is_empty() {
            parts.push((number, *unit));
        }
    }
    parts
}

/// Renders seconds: "45 s", "10 min", "1 min 30 s", "2 h 5 min", "3 d 1 h".
pub fn duration(seconds: u64) -> String {
    let parts: Vec<String> =
        parts(seconds).into_iter().map(|(number, unit)| format!("{number} {}", unit.symbol())).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        let table = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (90, "1 min 30 s"),
            (600, "10 min"),
            (3599, "59 min 59 s"),
            (3600, "1 h"),
            (3659, "1 h"),
            (7500, "2 h 5 min"),
            (86_399, "23 h 59 min"),
            (86_400, "1 d"),
            (90_061, "1 d 1 h"),
            (604_800, "7 d"),
        ];
        for (seconds, shown) in table {
            assert_eq!(duration(seconds), shown);
        }
    }

    proptest! {
        #[test]
        fn less_than_one_of_the_last_unit_is_dropped(seconds in prop_oneof![0_u64..200_000, any::<u64>()]) {
            let length = |unit: Unit| Unit::ALL.iter().find(|(known, _)| *known == unit).unwrap().1;
            let parts = parts(seconds);
            let shown: u64 = parts.iter().map(|(number, unit)| number * length(*unit)).sum();
            // Below a largest unit that stands alone, one of the next may be dropped as well.
            prop_assert!(shown <= seconds && seconds - shown < length(parts[0].1));
            if parts[0].1 != Unit::Second && seconds.is_multiple_of(60) && seconds < 86_400 {
                prop_assert_eq!(shown, seconds);
            }
        }
    }
}
