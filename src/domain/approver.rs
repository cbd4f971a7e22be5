//! Who decides: the holder of a key, or the user of a channel.

use super::caller::{Caller, Role};
use super::ids::{ApproverId, KeyId};

/// Somebody who wants to decide, as far as it was verified who that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// The identity that is recorded: a key's id, or a channel and its user.
    pub id: ApproverId,
    /// For people.
    pub name: String,
    /// The key of the same person, whose own requests it may not decide, and with whom it is not two people.
    pub key: Option<KeyId>,
    /// Whether the installation counts it among its approvers.
    pub may_decide: bool,
}

impl Approver {
    /// Whether this is the person who holds a key.
    pub fn is_holder_of(&self, key: &KeyId) -> bool {
        self.key.as_ref() == Some(key) || self.id.as_str() == key.as_str()
    }
}

impl From<&Caller> for Approver {
    fn from(caller: &Caller) -> Self {
        Self {
            id: ApproverId::from(&caller.id),
            name: caller.name.clone(),
            key: Some(caller.id.clone()),
            may_decide: caller.role >= Role::Approver,
        }
    }
}
