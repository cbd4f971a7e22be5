//! Room in a record. DynamoDB takes rows of 400 KB, so what only explains a request is shortened until the row fits; what a
//! decision is bound to never is.

use super::request::Request;
use super::review::{BoundedList, Review};
use serde::Serialize;

/// Bytes of a request's row when it is first written. What comes later (progress, decision, result, the task's token) has
/// the rest of the 400 KB.
pub const REQUEST_BYTES: usize = 240_000;
/// Bytes of the result that is written at its end.
pub const RESULT_BYTES: usize = 60_000;

/// At least as many bytes as DynamoDB counts for a value: JSON has signs around every name and value, DynamoDB three bytes
/// at most.
pub fn bytes_of<T: Serialize>(value: &T) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |text| text.len())
}

impl Request {
    /// The same request with a review that leaves room for all else.
    #[must_use]
    pub fn within_budget(self) -> Self {
        self.within(REQUEST_BYTES)
    }

    fn within(mut self, bytes: usize) -> Self {
        if let Some(mut review) = self.review.take() {
            let room = bytes.saturating_sub(bytes_of(&self));
            review.shorten(room);
            self.review = Some(review);
        }
        self
    }
}

impl Review {
    /// Drops what comes last in its lists, which is what weighs least, until it fits, and says so in a note.
    fn shorten(&mut self, room: usize) {
        if bytes_of(self) <= room {
            return;
        }
        self.notes.iter_mut().for_each(|note| cut(note, NOTE_CHARS));
        let left_out = self.notes.len().saturating_sub(NOTES);
        self.notes.truncate(NOTES);
        if left_out > 0 {
            self.notes.push(format!("{left_out} more notes are left out."));
        }
        self.notes
            .push("What is shown here is shortened to fit its record; the lists say how many there are.".to_owned());
        while bytes_of(self) > room && self.halve_the_largest() {}
    }

    /// `false` when there is nothing to halve any more.
    fn halve_the_largest(&mut self) -> bool {
        let sizes = [
            (bytes_of(&self.files.items), self.files.items.len()),
            (bytes_of(&self.resources.items), self.resources.items.len()),
            (bytes_of(&self.findings.items), self.findings.items.len()),
            (bytes_of(&self.changes.items), self.changes.items.len()),
            (bytes_of(&self.parameters), self.parameters.len()),
        ];
        let largest = (0..sizes.len()).filter(|at| sizes[*at].1 > 0).max_by_key(|at| sizes[*at].0);
        match largest {
            Some(0) => self.files.halve(),
            Some(1) => self.resources.halve(),
            Some(2) => self.findings.halve(),
            Some(3) => self.changes.halve(),
            Some(_) => {
                let kept = self.parameters.len() / 2;
                self.parameters = std::mem::take(&mut self.parameters).into_iter().take(kept).collect();
            }
            None => return false,
        }
        true
    }
}

/// Notes that are kept of a review that does not fit, and characters of each.
const NOTES: usize = 20;
const NOTE_CHARS: usize = 300;

impl<T> BoundedList<T> {
    fn halve(&mut self) {
        self.items.truncate(self.items.len() / 2);
    }
}

/// Cuts a text where it is longer than so many characters.
pub fn cut(text: &mut String, chars: usize) {
    if let Some((at, _)) = text.char_indices().nth(chars) {
        text.truncate(at);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::super::caller::{Caller, Role};
    use super::super::ids::{KeyId, RequestId};
    use super::super::request::{Action, Lifetime, Status};
    use super::super::review::ChangedFile;
    use super::super::time::Time;
    use super::*;
    use proptest::prelude::*;

    /// Small, so that generated rows often do not fit; notes that are kept have room in it.
    const BYTES: usize = 15_000;

    fn request(review: Review) -> Request {
        let caller = Caller { id: KeyId::parse("key-0123456789ab").unwrap(), name: "a".into(), role: Role::Agent };
        let lifetime = Lifetime { from: Time::now(), valid: 600, kept: 600 };
        let id = RequestId::random();
        let request = Request::new(id, Action::BackendDeploy, Status::PendingApproval, &caller, "a deploy", lifetime);
        Request { review: Some(review), ..request }
    }

    fn review() -> impl Strategy<Value = Review> {
        let text = prop_oneof![4 => "[a-zé\"]{0,20}", 1 => "[a-zé\"]{0,400}"];
        let files = proptest::collection::vec(text.clone(), 0..60);
        let notes = proptest::collection::vec(text.clone(), 0..30);
        let parameters = proptest::collection::btree_map("[A-Za-z]{1,8}", text, 0..30);
        (files, notes, parameters).prop_map(|(files, notes, parameters)| {
            let file = |filename| ChangedFile { filename, status: "modified".into(), additions: 1, deletions: 1 };
            let files = BoundedList::of(files.into_iter().map(file).collect());
            Review { files, notes, parameters, ..Review::default() }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_row_fits_and_says_what_it_lacks(review in review()) {
            let whole = request(review.clone());
            let fitted = whole.clone().within(BYTES);
            prop_assert!(bytes_of(&fitted) <= BYTES);
            let shown = fitted.review.as_ref().unwrap();
            if bytes_of(&whole) <= BYTES {
                prop_assert_eq!(shown, &review);
            } else {
                prop_assert!(shown.notes.iter().any(|note| note.contains("shortened")));
            }
            prop_assert_eq!(shown.files.total, review.files.total);
            // The first of a list weigh most.
            prop_assert!(review.files.items.starts_with(&shown.files.items));
            prop_assert_eq!(Request { review: None, ..fitted }, Request { review: None, ..whole });
        }

        #[test]
        fn what_dynamodb_counts_is_less(review in review()) {
            let value = serde_json::to_value(&review).unwrap();
            prop_assert!(counted(&value) <= bytes_of(&review));
        }
    }

    /// As DynamoDB's developer guide says: names and texts by their bytes, numbers by their digits, three bytes for a list
    /// or map and one for each thing in it.
    fn counted(value: &serde_json::Value) -> usize {
        use serde_json::Value as V;
        match value {
            V::String(text) => text.len(),
            V::Number(number) => number.to_string().len().div_ceil(2) + 1,
            V::Array(items) => 3 + items.iter().map(|item| 1 + counted(item)).sum::<usize>(),
            V::Object(items) => 3 + items.iter().map(|(name, item)| 1 + name.len() + counted(item)).sum::<usize>(),
            V::Null | V::Bool(_) => 1,
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let mut text = "grün".to_owned();
        cut(&mut text, 4);
        assert_eq!(text, "grün");
        cut(&mut text, 3);
        assert_eq!(text, "grü…");
    }
}
