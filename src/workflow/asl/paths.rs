//! Reference paths (`$.a.b[0]`, `$$.Execution.Name`), the four places that apply them to a state's data, and payload
//! templates (`"name.$": "$.path"`).

use super::execution::Failure;
use serde_json::{Map, Value};
use std::fmt;

/// What a path starts from: the state's data (`$`) or the context object (`$$`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// `$`
    Data,
    /// `$$`
    Context,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Index(usize),
}

/// A path that names exactly one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    root: Root,
    steps: Vec<Step>,
    text: String,
}

/// The values that paths are read from.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// `$`
    pub data: &'a Value,
    /// `$$`
    pub context: &'a Value,
}

impl Path {
    /// The whole of the state's data.
    pub fn whole() -> Self {
        Self { root: Root::Data, steps: Vec::new(), text: "$".into() }
    }

    /// Reads a reference path. The error is a sentence's predicate, such as "is not a path: …".
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("States.") {
            return Err(format!("uses the intrinsic function '{text}', and intrinsic functions are not supported"));
        }
        let (root, mut rest) = match text.strip_prefix("$$") {
            Some(rest) => (Root::Context, rest),
            None => (Root::Data, text.strip_prefix('$').ok_or_else(|| not_a_path(text))?),
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = next_step(rest).ok_or_else(|| not_a_path(text))?;
            steps.push(step);
            rest = after;
        }
        Ok(Self { root, steps, text: text.to_owned() })
    }

    /// What the path starts from.
    pub fn root(&self) -> Root {
        self.root
    }

    /// The names along the path, when it consists of names only.
    pub fn members(&self) -> Option<Vec<&str>> {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Member(name) => Some(name.as_str()),
                Step::Index(_) => None,
            })
            .collect()
    }

    /// Whether the path begins with these names.
    pub fn starts_with(&self, names: &[&str]) -> bool {
        let begins = |(step, name): (&Step, &&str)| matches!(step, Step::Member(member) if member == name);
        self.steps.len() >= names.len() && self.steps.iter().zip(names).all(begins)
    }

    /// The value the path names, if it exists.
    pub fn find<'a>(&self, scope: Scope<'a>) -> Option<&'a Value> {
        let start = match self.root {
            Root::Data => scope.data,
            Root::Context => scope.context,
        };
        self.steps.iter().try_fold(start, |value, step| match step {
            Step::Member(name) => value.as_object()?.get(name),
            Step::Index(index) => value.as_array()?.get(*index),
        })
    }

    /// The value the path names. One that does not exist is a `States.Runtime` failure, as in Step Functions.
    pub fn get<'a>(&self, scope: Scope<'a>) -> Result<&'a Value, Failure> {
        self.find(scope).ok_or_else(|| Failure::runtime(format!("The path '{self}' names nothing in the input.")))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn not_a_path(text: &str) -> String {
    format!("'{text}' is not a reference path such as $.a.b, $.a[0] or $$.Execution.Name")
}

fn next_step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix("['") {
        let (name, rest) = rest.split_once("']")?;
        let plain = !name.is_empty() && !name.contains(['\'', '\\']);
        return plain.then(|| (Step::Member(name.to_owned()), rest));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (index, rest) = rest.split_once(']')?;
        let digits = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
        return digits.then(|| index.parse().ok()).flatten().map(|index| (Step::Index(index), rest));
    }
    let rest = text.strip_prefix('.')?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    (!name.is_empty()).then(|| (Step::Member(name.to_owned()), rest))
}

/// `InputPath` and `OutputPath`: the part of the data that goes on, or with `null` an empty object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Only what the path names.
    Select(Path),
    /// `null`: nothing.
    Empty,
}

impl Filter {
    /// The part of the scope's data that the filter lets through.
    pub fn apply(&self, scope: Scope<'_>) -> Result<Value, Failure> {
        match self {
            Filter::Select(path) => path.get(scope).cloned(),
            Filter::Empty => Ok(Value::Object(Map::new())),
        }
    }
}

/// `ResultPath`: where a result goes in the state's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultPath {
    /// `null`: the result is dropped and the input goes on.
    Discard,
    /// Under these names; without names the result takes the input's place.
    At(Vec<String>),
}

impl ResultPath {
    /// The input with the result in its place. An input that is not an object along the way is a
    /// `States.ResultPathMatchFailure`.
    pub fn apply(&self, input: &Value, result: Value) -> Result<Value, Failure> {
        let names = match self {
            ResultPath::Discard => return Ok(input.clone()),
            ResultPath::At(names) => names,
        };
        let Some((last, parents)) = names.split_last() else { return Ok(result) };
        let mut output = input.clone();
        let mut place = &mut output;
        for name in parents {
            place = object(place, names)?.entry(name).or_insert_with(|| Value::Object(Map::new()));
        }
        object(place, names)?.insert(last.clone(), result);
        Ok(output)
    }
}

fn object<'a>(value: &'a mut Value, names: &[String]) -> Result<&'a mut Map<String, Value>, Failure> {
    value.as_object_mut().ok_or_else(|| {
        Failure::new(
            Failure::RESULT_PATH_MATCH_FAILURE,
            format!("The ResultPath '$.{}' leads through a value that is not an object.", names.join(".")),
        )
    })
}

/// A payload template: JSON in which members named `….$` are replaced by what their path names.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// Itself.
    Literal(Value),
    /// What the path names.
    Reference(Path),
    /// An object with templates inside.
    Object(Vec<(String, Template)>),
    /// An array with templates inside.
    Array(Vec<Template>),
}

impl Template {
    /// Reads a template. The error names the member it is about and what is wrong with it.
    pub fn parse(value: &Value) -> Result<Self, String> {
        match value {
            Value::Object(map) => {
                let members: Vec<_> = map.iter().map(|(name, value)| member(name, value)).collect::<Result<_, _>>()?;
                for (index, (name, _)) in members.iter().enumerate() {
                    if members[..index].iter().any(|(earlier, _)| earlier == name) {
                        return Err(format!("gives '{name}' twice, as a value and as a path"));
                    }
                }
                Ok(Template::Object(members))
            }
            Value::Array(items) => Ok(Template::Array(items.iter().map(Template::parse).collect::<Result<_, _>>()?)),
            scalar => Ok(Template::Literal(scalar.clone())),
        }
    }

    /// The template with its paths replaced.
    pub fn fill(&self, scope: Scope<'_>) -> Result<Value, Failure> {
        match self {
            Template::Literal(value) => Ok(value.clone()),
            Template::Reference(path) => path.get(scope).cloned(),
            Template::Object(members) => {
                let filled: Result<Map<_, _>, _> =
                    members.iter().map(|(name, template)| Ok((name.clone(), template.fill(scope)?))).collect();
                filled.map(Value::Object)
            }
            Template::Array(items) => {
                items.iter().map(|item| item.fill(scope)).collect::<Result<_, _>>().map(Value::Array)
            }
        }
    }

    /// Every path in the template.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Template::Literal(_) => Vec::new(),
            Template::Reference(path) => vec![path],
            Template::Object(members) => members.iter().flat_map(|(_, template)| template.paths()).collect(),
            Template::Array(items) => items.iter().flat_map(Template::paths).collect(),
        }
    }
}

fn member(name: &str, value: &Value) -> Result<(String, Template), String> {
    let Some(plain) = name.strip_suffix(".$") else {
        return Ok((name.to_owned(), Template::parse(value)?));
    };
    let path = value.as_str().ok_or_else(|| format!("gives '{name}' something else than a path"))?;
    Ok((plain.to_owned(), Template::Reference(Path::parse(path).map_err(|reason| format!("in '{name}' {reason}"))?)))
}
