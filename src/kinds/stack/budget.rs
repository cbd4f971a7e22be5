//! Room in a record. DynamoDB takes rows of 400 KB, so what only explains a request is shortened until the row fits; what a
//! decision is bound to never is.

use serde::Serialize;

/// Bytes of a request's row when it is first written. Checkpoint, decision, outcome and the task's token, which come later,
/// share the rest of the 400 KB.
pub const REQUEST_BYTES: usize = 240_000;
/// Bytes of the result that is written at its end.
pub const RESULT_BYTES: usize = 60_000;

/// Counts at least as many bytes as DynamoDB does for a value: JSON has signs around every name and value, DynamoDB three
/// bytes at most.
pub fn bytes_of<T: Serialize>(value: &T) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |text| text.len())
}

/// Cuts a text that is longer than so many characters.
pub fn cut(text: &mut String, chars: usize) {
    if let Some((at, _)) = text.char_indices().nth(chars) {
        text.truncate(at);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let mut text = "grün".to_owned();
        cut(&mut text, 4);
        assert_eq!(text, "grün");
        cut(&mut text, 3);
        assert_eq!(text, "grü…");
    }
}
