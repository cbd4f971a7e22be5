//! Reads variables and collects what is wrong with them.

use super::environment::Environment;
use super::error::{ConfigError, Problem};
use super::variables::Variable;

/// The longest part of a value that an error shows, in characters.
const SHOWN: usize = 80;

/// Reads variables one by one. A bad value is noted and read as unset, so that one run finds every problem.
pub(super) struct Reader<'a> {
    environment: &'a Environment,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a Environment) -> Self {
        Self { environment, problems: Vec::new() }
    }

    /// Whether a variable has a value, good or bad.
    pub(super) fn is_set(&self, variable: &Variable) -> bool {
        self.environment.get(variable.name).is_some()
    }

    /// Reads a variable. `parse` gets the trimmed value and says what is wrong with it.
    pub(super) fn read<T>(
        &mut self,
        variable: &'static Variable,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.environment.get(variable.name)?;
        let parsed = match value.to_str() {
            Some(text) => parse(text.trim()),
            None => Err("is not UTF-8 text".to_owned()),
        };
        match parsed {
            Ok(value) => Some(value),
            Err(fault) => {
                self.problems.push(problem(variable, &value.to_string_lossy(), fault));
                None
            }
        }
    }

    /// Notes a problem that is not one value's.
    pub(super) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Notes that a variable is needed and has no value. A bad value is noted already.
    pub(super) fn require(&mut self, variable: &'static Variable, why: &'static str) {
        if !self.is_set(variable) {
            self.report(Problem::Missing { name: variable.name, why, form: variable.form });
        }
    }

    /// Ends the reading.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError::of(self.problems)) }
    }

    /// Ends the reading with a value that has to be there; `missing` is the problem if no other explains its absence.
    pub(super) fn finish_with<T>(
        mut self,
        value: Option<T>,
        missing: impl FnOnce() -> Problem,
    ) -> Result<T, ConfigError> {
        match value {
            Some(value) => self.finish().map(|()| value),
            None => {
                if self.problems.is_empty() {
                    self.report(missing());
                }
                Err(ConfigError::of(self.problems))
            }
        }
    }
}

fn problem(variable: &'static Variable, value: &str, fault: String) -> Problem {
    let Variable { name, form, is_secret, .. } = *variable;
    if is_secret {
        return Problem::Hidden { name, fault, form };
    }
    let mut shown: String = value.trim().chars().take(SHOWN).collect();
    if shown.len() < value.trim().len() {
        shown.push('…');
    }
    Problem::Value { name, value: shown, fault, form }
}
