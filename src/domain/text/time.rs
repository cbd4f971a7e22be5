//! Points in time.

use super::duration::duration;
use crate::domain::time::Time;

/// Renders a point in time, to the minute: "2026-11-30 12:11 UTC". What is below a minute is cut off, so that a window
/// is never shown too long.
pub fn absolute(time: Time) -> String {
    time.timestamp().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Renders how long ago something was, in its largest unit: "9 min ago". The pages' script does the same.
pub fn ago(seconds: u64) -> String {
    let largest = match seconds {
        0..60 => seconds,
        60..3600 => seconds - seconds % 60,
        3600..86_400 => seconds - seconds % 3600,
        _ => seconds - seconds % 86_400,
    };
    format!("{} ago", duration(largest))
}

/// Renders what is left until a point in time: "in 9 min 58 s", or "over". The pages' script does the same.
pub fn remaining(end: Time, now: Time) -> String {
    match end.seconds_left(now) {
        0 => "over".to_owned(),
        left => format!("in {}", duration(left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn times() {
        assert_eq!(absolute(at("2026-11-30T12:11:59.999Z")), "2026-11-30 12:11 UTC");
        assert_eq!(absolute(at("2026-01-02T03:04:05+08:00")), "2026-01-01 19:04 UTC");
    }

    #[test]
    fn how_long_ago() {
        let table = [
            (0, "0 s ago"),
            (59, "59 s ago"),
            (90, "1 min ago"),
            (559, "9 min ago"),
            (7500, "2 h ago"),
            (90_000, "1 d ago"),
            (31_536_000, "365 d ago"),
        ];
        for (seconds, shown) in table {
            assert_eq!(ago(seconds), shown);
        }
    }

    #[test]
    fn what_is_left() {
        let now = at("2026-11-30T12:00:00Z");
        assert_eq!(remaining(now.plus_seconds(600), now), "in 10 min");
        assert_eq!(remaining(now.plus_seconds(598), now), "in 9 min 58 s");
        assert_eq!(remaining(at("2026-11-30T12:00:00.001Z"), now), "in 1 s");
        assert_eq!(remaining(now, now), "over");
        assert_eq!(remaining(now.minus_seconds(5), now), "over");
    }
}
