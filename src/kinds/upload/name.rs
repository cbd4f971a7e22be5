//! What the kind is called.

use crate::domain::kind::KindName;

pub(super) const NAME: KindName = KindName::new("upload");
