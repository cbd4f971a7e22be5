//! The two ways to run Bouncer.

/// Where Bouncer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// One process with embedded storage.
    Local,
    /// An AWS account.
    Aws,
}

impl Profile {
    /// Returns the name in settings and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Profile::Local => "local",
            Profile::Aws => "aws",
        }
    }

    /// Parses the name in settings.
    pub fn parse(name: &str) -> Option<Self> {
        [Profile::Local, Profile::Aws].into_iter().find(|profile| profile.as_str() == name)
    }
}
