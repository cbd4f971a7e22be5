//! What is wrong with the settings.

/// Settings that cannot be used: every problem that was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", sentence(.0))]
pub struct ConfigError(Vec<Problem>);

impl ConfigError {
    /// Makes an error of at least one problem.
    pub(super) fn of(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// Every problem, in the order of the areas; at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

fn sentence(problems: &[Problem]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    match texts.as_slice() {
        [only] => only.clone(),
        _ => format!("the environment has {} problems: {}", texts.len(), texts.join("; ")),
    }
}

/// One thing that is wrong, in a sentence that names its variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A variable has a value that cannot be used.
    #[error("{name} is '{value}', which {fault}; set it to {form}")]
    Value {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with the value: "is not a whole number".
        fault: String,
        /// The accepted form.
        form: &'static str,
    },
    /// A variable has a value that cannot be used and must not be shown.
    #[error("{name} has a value that {fault}; set it to {form}")]
    Hidden {
        /// The variable.
        name: &'static str,
        /// What is wrong with the value.
        fault: String,
        /// The accepted form.
        form: &'static str,
    },
    /// A variable that is needed has no value.
    #[error("{name} is not set, but {why}; set it to {form}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// Why it is needed.
        why: &'static str,
        /// The accepted form.
        form: &'static str,
    },
    /// Variables whose values do not go together.
    #[error("{0}")]
    Conflict(String),
}
