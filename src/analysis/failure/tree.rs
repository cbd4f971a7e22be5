//! Arranges failed resources as a tree: the cause first, nested stacks as branches.

use super::events::STACK_TYPE;
use super::stack::FailedResource;

impl FailedResource {
    /// Tells whether this is a stack's row about itself.
    pub fn is_own_row(&self) -> bool {
        self.resource == self.stack && matches!(self.resource_type.as_str(), "" | STACK_TYPE)
    }

    /// Tells whether this row stands for a nested stack in its parent. CloudFormation prefixes a nested stack's name
    /// with both names.
    fn stands_for(&self, stack: &str) -> bool {
        let of_parent = stack.strip_prefix(self.stack.as_str()).and_then(|rest| rest.strip_prefix('-'));
        let named = of_parent.and_then(|rest| rest.strip_prefix(self.resource.as_str()));
        self.resource_type == STACK_TYPE && !self.is_own_row() && named.is_some_and(|rest| rest.starts_with('-'))
    }
}

/// A resource or stack, with what failed below it.
#[derive(Debug)]
pub struct Branch<'a> {
    /// The index of its first resource in the list.
    first: usize,
    /// The resource; `None` for a stack without a row of its own.
    pub row: Option<&'a FailedResource>,
    /// The stack's name, where there is no row.
    pub name: &'a str,
    /// What failed inside.
    pub below: Vec<Branch<'a>>,
}

/// Builds the tree from a list that starts with the cause. Returns the outermost stacks, that of the cause first.
pub fn tree(resources: &[FailedResource]) -> Vec<Branch<'_>> {
    let mut nodes: Vec<Branch<'_>> =
        stacks_below(None, resources).into_iter().map(|name| stack(name, resources)).collect();
    nodes.sort_by_key(|node| node.first);
    nodes
}

/// Finds the row that stands for a nested stack in its parent. If several names match, the longest is the nearest.
fn parent<'a>(stack: &str, resources: &'a [FailedResource]) -> Option<&'a FailedResource> {
    let rows = resources.iter().filter(|row| row.stands_for(stack));
    rows.max_by_key(|row| row.stack.len() + row.resource.len())
}

/// Lists the distinct stacks whose parent is this row.
fn stacks_below<'a>(row: Option<&FailedResource>, resources: &'a [FailedResource]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for name in resources.iter().map(|resource| resource.stack.as_str()) {
        let is_below = match (parent(name, resources), row) {
            (Some(parent), Some(row)) => std::ptr::eq(parent, row),
            (parent, row) => parent.is_none() && row.is_none(),
        };
        if is_below && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn stack<'a>(name: &'a str, resources: &'a [FailedResource]) -> Branch<'a> {
    let own = resources.iter().position(|row| row.stack == name && row.is_own_row());
    let below = rows_of(name, resources);
    let first = below.iter().map(|node| node.first).chain(own).min().unwrap_or(usize::MAX);
    Branch { first, row: own.map(|at| &resources[at]), name, below }
}

/// Lists the resources of a stack, each nested stack with its own below it. Terminates because a nested stack's name
/// is longer than its parent's.
fn rows_of<'a>(name: &str, resources: &'a [FailedResource]) -> Vec<Branch<'a>> {
    let rows = resources.iter().enumerate().filter(|(_, row)| row.stack == name && !row.is_own_row());
    let mut nodes: Vec<Branch<'a>> = rows.map(|(at, row)| resource(at, row, resources)).collect();
    nodes.sort_by_key(|node| node.first);
    nodes
}

fn resource<'a>(at: usize, row: &'a FailedResource, resources: &'a [FailedResource]) -> Branch<'a> {
    let inside = stacks_below(Some(row), resources);
    let mut below: Vec<Branch<'a>> = inside.iter().flat_map(|stack| rows_of(stack, resources)).collect();
    // What a nested stack says of itself is told by its row in the stack around it, unless it is a cause.
    let own = resources.iter().enumerate().filter(|(_, row)| inside.contains(&row.stack.as_str()));
    let own = own.filter(|(_, row)| row.is_own_row() && !row.cascade);
    below.extend(own.map(|(first, row)| Branch { first, row: Some(row), name: "", below: vec![] }));
    below.sort_by_key(|node| node.first);
    let first = below.first().map_or(at, |node| node.first.min(at));
    Branch { first, row: Some(row), name: "", below }
}
