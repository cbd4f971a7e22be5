//! Resolves plain YAML scalars by the rules of YAML 1.1, as PyYAML and CloudFormation apply them. Timestamps stay
//! text.

use serde_json::{Number, Value};

/// Resolves a scalar that is neither quoted nor tagged.
pub fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// Parses a number. One that is too large to be held exactly stays text.
fn number(text: &str) -> Option<Number> {
    let (negative, body) = match text.strip_prefix(['-', '+']) {
        Some(body) => (text.starts_with('-'), body),
        None => (false, text),
    };
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    // YAML 1.1 knows `.5` but no `-.5`.
    if body.starts_with('.') && body.len() < text.len() {
        return None;
    }
    if let Some(magnitude) = integer(body) {
        let magnitude = i128::from(magnitude);
        return Number::from_i128(if negative { -magnitude } else { magnitude });
    }
    let magnitude = float(body)?;
    Number::from_f64(if negative { -magnitude } else { magnitude })
}

fn integer(body: &str) -> Option<u64> {
    let digits = |text: &str| text.chars().filter(|c| *c != '_').collect::<String>();
    let radix = |text: &str, radix| {
        let is_digit = |c: char| c == '_' || c.is_digit(radix);
        (!text.is_empty() && text.chars().all(is_digit))
            .then(|| u64::from_str_radix(&digits(text), radix).ok())
            .flatten()
    };
    if let Some(rest) = body.strip_prefix("0b") {
        return radix(rest, 2);
    }
    if let Some(rest) = body.strip_prefix("0x") {
        return radix(rest, 16);
    }
    if body.contains(':') {
        return sexagesimal(body);
    }
    match body.strip_prefix('0') {
        Some("") => Some(0),
        Some(rest) => radix(rest, 8),
        None => radix(body, 10),
    }
}

/// Parses a base-60 number: `1:30` is ninety.
fn sexagesimal(body: &str) -> Option<u64> {
    let (first, rest) = body.split_once(':')?;
    if first.starts_with('0') || !first.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return None;
    }
    let mut total: u64 = first.replace('_', "").parse().ok()?;
    for part in rest.split(':') {
        let is_part = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let part: u64 = part.parse().ok().filter(|part| is_part && *part < 60)?;
        total = total.checked_mul(60)?.checked_add(part)?;
    }
    Some(total)
}

/// Parses a float. It needs a decimal point, and its exponent a sign.
fn float(body: &str) -> Option<f64> {
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let starts_well = if whole.is_empty() { fraction.starts_with(|c: char| c.is_ascii_digit()) } else { true };
    let exponent_is_fine = exponent.is_none_or(|text| {
        text.strip_prefix(['-', '+'])
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    });
    if !is_digits(whole) || !is_digits(fraction) || !starts_well || !exponent_is_fine {
        return None;
    }
    let text = format!("0{whole}.{fraction}0e{}", exponent.unwrap_or("0")).replace('_', "");
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn scalars_mean_what_they_mean_to_cloudformation() {
        for (text, value) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("yes", json!(true)),
            ("OFF", json!(false)),
            ("y", json!("y")),
            ("N", json!("N")),
            ("2010-09-09", json!("2010-09-09")),
            ("2012-10-17", json!("2012-10-17")),
            ("2001-12-14T21:59:43Z", json!("2001-12-14T21:59:43Z")),
            ("0", json!(0)),
            ("-12", json!(-12)),
            ("1_000", json!(1000)),
            ("0x1F", json!(31)),
            ("0b101", json!(5)),
            ("010", json!(8)),
            ("0o10", json!("0o10")),
            ("089", json!("089")),
            ("012345678901", json!("012345678901")),
            ("123456789012", json!(123_456_789_012_i64)),
            ("22:22", json!(1342)),
            ("aa:22", json!("aa:22")),
            ("1.5", json!(1.5)),
            ("1.", json!(1.0)),
            (".5", json!(0.5)),
            ("-.5", json!("-.5")),
            ("1e3", json!("1e3")),
            ("1.0e+3", json!(1000.0)),
            ("1.0e3", json!("1.0e3")),
            (".", json!(".")),
            ("-", json!("-")),
            ("+", json!("+")),
            ("1.2.3", json!("1.2.3")),
            ("10.0.0.0/16", json!("10.0.0.0/16")),
            (".inf", json!(".inf")),
            ("99999999999999999999999", json!("99999999999999999999999")),
            ("*", json!("*")),
        ] {
            assert_eq!(resolve(text), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,20}|[-+0-9xb_.:eE]{0,12}") {
            let _ = resolve(&text);
        }
    }
}
