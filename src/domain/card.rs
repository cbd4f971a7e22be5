//! The card: what an approver is shown of a request, in parts. Each surface renders it once; no part of it is markup.

use super::phrase::Phrase;
use super::time::Time;
use crate::domain::text_diff::Difference;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a request would do, as every surface shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Card {
    /// What is asked, in a few words: "Publish the site".
    pub title: Phrase,
    /// What to know before anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<Phrase>,
    /// Where it goes and what it is made of, the most important first.
    pub facts: Vec<Fact>,
    /// What must be acknowledged before an approval, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<Phrase>,
    /// The changes in full, the gravest first.
    pub sections: Vec<Section>,
}

/// A label and its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// "Bucket".
    pub label: Phrase,
    /// Its value.
    pub value: FactValue,
}

/// A value, typed so that each surface renders it in the same way. Text and code are foreign: they are never trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "type", content = "value")]
pub enum FactValue {
    /// Text that somebody wrote.
    Text(String),
    /// An identifier: an ARN, a commit, a bucket.
    Code(String),
    /// Our own words.
    Phrase(Phrase),
    /// A size in bytes.
    Bytes(u64),
    /// A number of things.
    Count(u64),
    /// A point in time.
    Time(Time),
    /// A web address.
    Link(String),
}

/// A part of a card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Section {
    /// Files that would be added, changed or removed.
    Files(Files),
    /// Rows of text under columns.
    Table(Table),
    /// How one text changes, line by line.
    Diff {
        /// The file.
        path: String,
        /// The changed lines with a few around them.
        difference: Difference,
    },
    /// Text to be read as it is: a policy, a command, a log.
    Code {
        /// What it is.
        title: Phrase,
        /// The text.
        text: String,
    },
    /// What would be done, in order.
    Steps {
        /// What they are.
        title: Phrase,
        /// A line each.
        steps: Vec<Phrase>,
    },
    /// What else to know, a sentence each.
    Notes {
        /// What they are about.
        title: Phrase,
        /// The sentences.
        notes: Vec<Phrase>,
    },
}

/// Files that would change. `files` may be one page of them; the counts cover all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // The names say it.
pub struct Files {
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub unchanged: u64,
    /// Bytes that would be written.
    pub bytes: u64,
    pub files: Vec<FileLine>,
    /// Page of `files`, from 1.
    pub page: usize,
    pub pages: usize,
    /// Why files are missing from the list although some change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Phrase>,
}

/// One file that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // The names say it.
pub struct FileLine {
    pub path: String,
    pub change: FileChange,
    /// As it would be; for a removed file, as it is.
    #[serde(flatten)]
    pub served: Served,
    /// As it is now, for a changed file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Served>,
}

/// A file as visitors get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // The names say it.
pub struct Served {
    pub size: u64,
    pub content_type: String,
    pub cache_control: String,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names say it.
pub enum FileChange {
    Added,
    Changed,
    Removed,
}

/// Rows of text. `rows` may hold the first rows only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    /// What the rows are.
    pub title: Phrase,
    /// The heads of the columns.
    pub columns: Vec<Phrase>,
    /// The rows that are shown.
    pub rows: Vec<Row>,
    /// How many rows there are.
    pub total: usize,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// How grave it is.
    pub weight: Weight,
    /// One cell a column. Foreign text.
    pub cells: Vec<String>,
    /// More about the row, below it: why, or which property changes how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

/// How grave a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Nothing special.
    #[default]
    Plain,
    /// Worth a look.
    Notable,
    /// Must be acknowledged.
    High,
}

impl Card {
    /// Makes a card with a title and nothing else.
    pub fn titled(title: Phrase) -> Self {
        Self { title, warning: None, facts: vec![], risks: vec![], sections: vec![] }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, label: Phrase, value: FactValue) -> Self {
        self.facts.push(Fact { label, value });
        self
    }

    /// Adds a fact, if there is a value.
    #[must_use]
    pub fn fact_if(self, label: Phrase, value: Option<FactValue>) -> Self {
        match value {
            Some(value) => self.fact(label, value),
            None => self,
        }
    }

    /// Adds a section.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }
}
