//! The policy: whether a request is refused, asked about, or runs at once. Pure; what is not known asks a human.

use crate::domain::backend::target::DeployMode;
use crate::domain::rule::Rule;

/// What policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// What the work would have an effect on.
    pub effect: Effect,
    /// When the project wants a human asked.
    pub mode: DeployMode,
    /// What there is to look at.
    pub findings: Findings,
}

/// What work has an effect on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// What people or production get.
    Production,
    /// Nothing that anybody gets: records are made, or leftovers removed.
    Upkeep,
}

/// What a comparison found that a human must look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Findings {
    /// Nothing could be compared, or nothing was.
    Unknown,
    /// So many.
    Count(usize),
}

/// What policy says of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// A human decides.
    Ask,
    /// It runs at once, by this rule.
    Run(Rule),
}

impl Subject {
    /// Makes the subject of work on production about which a human always decides.
    pub fn production() -> Self {
        Self { effect: Effect::Production, mode: DeployMode::Manual, findings: Findings::Unknown }
    }

    /// Makes the subject of work that changes nothing that anybody gets.
    pub fn upkeep() -> Self {
        Self { effect: Effect::Upkeep, mode: DeployMode::Manual, findings: Findings::Unknown }
    }
}

/// Decides about a subject. The first rule that applies counts; where none does, a human is asked.
pub fn evaluate(subject: &Subject) -> Ruling {
    match (subject.effect, subject.mode, subject.findings) {
        (Effect::Upkeep, _, _) => Ruling::Run(Rule::Maintenance),
        (Effect::Production, DeployMode::AutoAll, _) => Ruling::Run(Rule::AutoAll),
        (Effect::Production, DeployMode::AutoCode, Findings::Count(0)) => Ruling::Run(Rule::AutoCode),
        (Effect::Production, DeployMode::AutoCode | DeployMode::Manual, _) => Ruling::Ask,
    }
}

/// Tells whether a rule that let a request run still would, in the mode that its project has by now.
pub fn still_allows(rule: Rule, mode: DeployMode) -> bool {
    match rule {
        Rule::Maintenance => true,
        Rule::AutoCode => mode != DeployMode::Manual,
        Rule::AutoAll => mode == DeployMode::AutoAll,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_table() {
        use DeployMode::{AutoAll, AutoCode, Manual};
        use Effect::{Production, Upkeep};
        use Findings::{Count, Unknown};
        for (effect, mode, findings, expected) in [
            (Production, Manual, Unknown, Ruling::Ask),
            (Production, Manual, Count(0), Ruling::Ask),
            (Production, Manual, Count(1), Ruling::Ask),
            (Production, AutoCode, Unknown, Ruling::Ask),
            (Production, AutoCode, Count(0), Ruling::Run(Rule::AutoCode)),
            (Production, AutoCode, Count(1), Ruling::Ask),
            (Production, AutoAll, Unknown, Ruling::Run(Rule::AutoAll)),
            (Production, AutoAll, Count(0), Ruling::Run(Rule::AutoAll)),
            (Production, AutoAll, Count(1), Ruling::Run(Rule::AutoAll)),
            (Upkeep, Manual, Unknown, Ruling::Run(Rule::Maintenance)),
            (Upkeep, AutoCode, Count(1), Ruling::Run(Rule::Maintenance)),
            (Upkeep, AutoAll, Count(0), Ruling::Run(Rule::Maintenance)),
        ] {
            assert_eq!(evaluate(&Subject { effect, mode, findings }), expected, "{effect:?} {mode:?} {findings:?}");
        }
    }

    #[test]
    fn a_stricter_mode_takes_a_rule_away() {
        use DeployMode::{AutoAll, AutoCode, Manual};
        let allowed = |rule| [Manual, AutoCode, AutoAll].map(|mode| still_allows(rule, mode));
        assert_eq!(allowed(Rule::AutoCode), [false, true, true]);
        assert_eq!(allowed(Rule::AutoAll), [false, false, true]);
        assert_eq!(allowed(Rule::Maintenance), [true, true, true]);
    }
}
