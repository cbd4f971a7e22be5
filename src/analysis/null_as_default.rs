//! Reads AWS's `null` as an empty value.

use serde::{Deserialize, Deserializer};

/// Reads `null` as the default: AWS and the tools that record its answers write empty lists both ways.
///
/// # Errors
///
/// Fails when the value is neither `null` nor a `T`.
pub(super) fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    input: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}
