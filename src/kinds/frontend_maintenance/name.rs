//! What the kinds are called.

use crate::domain::kind::KindName;

pub(super) const ADOPT: KindName = KindName::new("frontend_adopt");
pub(super) const PRUNE: KindName = KindName::new("frontend_prune");
