//! What the kind is called.

use crate::domain::kind::KindName;
use crate::domain::phrase::Phrase;

pub(crate) const NAME: KindName = KindName::new("frontend_deploy");
pub(super) const TITLE: Phrase = Phrase::new("Publish the site", "發佈網站");
