//! Who presses.

use bouncer::domain::approver::Approver;
use bouncer::domain::caller::{Caller, Role};
use bouncer::domain::ids::{ApproverId, KeyId};

/// One of those who press, all of whom mean it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Anna,
    /// Anna as well, by her telephone.
    AnnaOnTelegram,
    Ben,
    Cleo,
    /// Whoever asked, who is an approver too.
    Asker,
    AskerOnTelegram,
    /// Somebody who decides nothing.
    Agent,
}

impl Who {
    pub const ALL: [Who; 7] =
        [Who::Anna, Who::Ben, Who::Cleo, Who::AnnaOnTelegram, Who::Asker, Who::AskerOnTelegram, Who::Agent];
    /// Those whom a project names that does not leave it to everybody: all but Ben.
    pub const NAMED: [&str; 4] = ["anna", "telegram:7", "telegram:8", "asker"];

    fn key(self) -> Option<&'static str> {
        match self {
            Who::Anna | Who::AnnaOnTelegram => Some("key-00000000000a"),
            Who::Ben => Some("key-00000000000b"),
            Who::Cleo => None,
            Who::Asker | Who::AskerOnTelegram => Some("key-00000000000c"),
            Who::Agent => Some("key-00000000000d"),
        }
    }

    pub fn id(self) -> ApproverId {
        let id = match self {
            Who::AnnaOnTelegram => "telegram:7",
            Who::Cleo => "telegram:8",
            Who::AskerOnTelegram => "telegram:9",
            _ => self.key().unwrap(),
        };
        ApproverId::parse(id).unwrap()
    }

    /// The person, however they come.
    pub fn person(self) -> &'static str {
        match self {
            Who::Anna | Who::AnnaOnTelegram => "anna",
            Who::Ben => "ben",
            Who::Cleo => "cleo",
            Who::Asker | Who::AskerOnTelegram => "asker",
            Who::Agent => "agent",
        }
    }

    pub fn approver(self) -> Approver {
        let key = self.key().map(|key| KeyId::parse(key).unwrap());
        Approver { id: self.id(), name: self.person().to_owned(), key, may_decide: self != Who::Agent }
    }

    /// Whether a decision of theirs may ever count.
    pub fn may_decide(self, named: bool) -> bool {
        match self {
            Who::Anna | Who::AnnaOnTelegram | Who::Cleo => true,
            Who::Ben => !named,
            Who::Asker | Who::AskerOnTelegram | Who::Agent => false,
        }
    }

    /// Who asks.
    pub fn asker() -> Caller {
        Caller { id: KeyId::parse(Who::Asker.key().unwrap()).unwrap(), name: "asker".to_owned(), role: Role::Approver }
    }
}
