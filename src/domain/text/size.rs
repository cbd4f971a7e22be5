//! Sizes in bytes.

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Renders a number of bytes in binary units with one decimal: "512 B", "4.8 KiB", "1.0 MiB".
pub fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut unit, mut one) = (0, 1024_u128);
    let mut tenths = rounded_tenths(bytes, one);
    // What rounds to 1024 of a unit is one of the next.
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        unit += 1;
        one *= 1024;
        tenths = rounded_tenths(bytes, one);
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

fn rounded_tenths(bytes: u64, one: u128) -> u128 {
    (u128::from(bytes) * 10 + one / 2) / one
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (4976, "4.9 KiB"),
            (262_144, "256.0 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_525, "1.0 MiB"),
            (5_000_000_000, "4.7 GiB"),
            (1 << 40, "1.0 TiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, shown) in table {
            assert_eq!(size(bytes), shown);
        }
    }

    /// The size that a text stands for.
    fn read(shown: &str) -> f64 {
        let (number, unit) = shown.split_once(' ').unwrap();
        let power = UNITS.iter().position(|known| *known == unit).map_or(0, |at| at as i32 + 1);
        number.parse::<f64>().unwrap() * 1024_f64.powi(power)
    }

    proptest! {
        #[test]
        fn a_size_is_right_to_one_decimal_and_grows(bits in 0_u32..64, low in any::<u64>(), more in any::<u32>()) {
            let bytes = (1_u64 << bits) | (low & ((1 << bits) - 1));
            let shown = read(&size(bytes));
            prop_assert!((shown - bytes as f64).abs() <= bytes as f64 * 0.051, "{} for {bytes}", size(bytes));
            prop_assert!(shown <= read(&size(bytes.saturating_add(more.into()))));
        }
    }
}
