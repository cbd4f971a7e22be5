//! The rules of a `Choice` state.

use super::execution::Failure;
use super::paths::{Path, Scope};
use serde_json::{Number, Value};
use std::cmp::Ordering;

/// A rule and the state it leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// When it applies.
    pub rule: Rule,
    /// The state that goes on.
    pub next: String,
}

/// A condition over the state's data.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // The names are the States Language's own.
pub enum Rule {
    And(Vec<Rule>),
    Or(Vec<Rule>),
    Not(Box<Rule>),
    Test { variable: Path, comparison: Comparison },
}

/// What a variable is compared with. A value of another type does not match; it is no error.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // The names are the States Language's own.
pub enum Comparison {
    StringEquals(String),
    BooleanEquals(bool),
    NumericEquals(Number),
    NumericLessThan(Number),
    NumericLessThanEquals(Number),
    NumericGreaterThan(Number),
    NumericGreaterThanEquals(Number),
    IsPresent(bool),
    IsNull(bool),
    IsString(bool),
    IsNumeric(bool),
    IsBoolean(bool),
}

impl Rule {
    /// Whether the rule applies. A variable that names nothing fails the execution, except for `IsPresent`.
    pub fn applies(&self, scope: Scope<'_>) -> Result<bool, Failure> {
        match self {
            Rule::And(rules) => {
                for rule in rules {
                    if !rule.applies(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Rule::Or(rules) => {
                for rule in rules {
                    if rule.applies(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Rule::Not(rule) => Ok(!rule.applies(scope)?),
            Rule::Test { variable, comparison: Comparison::IsPresent(wanted) } => {
                Ok(variable.find(scope).is_some() == *wanted)
            }
            Rule::Test { variable, comparison } => Ok(comparison.holds(variable.get(scope)?)),
        }
    }

    /// Every path in the rule.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Rule::And(rules) | Rule::Or(rules) => rules.iter().flat_map(Rule::paths).collect(),
            Rule::Not(rule) => rule.paths(),
            Rule::Test { variable, .. } => vec![variable],
        }
    }
}

impl Comparison {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Comparison::StringEquals(wanted) => value.as_str() == Some(wanted),
            Comparison::BooleanEquals(wanted) => value.as_bool() == Some(*wanted),
            Comparison::NumericEquals(than) => order(value, than).is_some_and(Ordering::is_eq),
            Comparison::NumericLessThan(than) => order(value, than).is_some_and(Ordering::is_lt),
            Comparison::NumericLessThanEquals(than) => order(value, than).is_some_and(Ordering::is_le),
            Comparison::NumericGreaterThan(than) => order(value, than).is_some_and(Ordering::is_gt),
            Comparison::NumericGreaterThanEquals(than) => order(value, than).is_some_and(Ordering::is_ge),
            Comparison::IsPresent(wanted) => *wanted,
            Comparison::IsNull(wanted) => value.is_null() == *wanted,
            Comparison::IsString(wanted) => value.is_string() == *wanted,
            Comparison::IsNumeric(wanted) => value.is_number() == *wanted,
            Comparison::IsBoolean(wanted) => value.is_boolean() == *wanted,
        }
    }
}

fn order(value: &Value, than: &Number) -> Option<Ordering> {
    let value = value.as_number()?;
    match (value.as_i128(), than.as_i128()) {
        (Some(value), Some(than)) => Some(value.cmp(&than)),
        _ => value.as_f64()?.partial_cmp(&than.as_f64()?),
    }
}
