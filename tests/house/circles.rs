//! No two files import each other, directly or by way of others.

use std::collections::{BTreeMap, BTreeSet};

use super::assert_none;
use super::modules::{Imports, Modules};
use super::source::sources;

/// Imports that close a circle today: without them there is none. Cut them one by one and remove the entry; the list may
/// only get shorter.
const KNOWN_CIRCLES: &[(&str, &str)] = &[
    ("channels/telegram/render/mod.rs", "channels/telegram/content.rs"),
    ("cli/completions.rs", "cli/mod.rs"),
    ("cli/output.rs", "cli/error.rs"),
    ("cli/request/decide.rs", "cli/request.rs"),
    ("cli/serve/local.rs", "cli/serve.rs"),
    ("kinds/frontend_maintenance/outcome.rs", "kinds/frontend_maintenance/adopt.rs"),
    ("kinds/site/transfer.rs", "kinds/site/large.rs"),
    ("requests/app.rs", "requests/kind.rs"),
    ("requests/prompts/delivery.rs", "requests/app.rs"),
    ("requests/prompts/delivery.rs", "requests/kind.rs"),
    ("requests/prompts/delivery.rs", "requests/prompts/mod.rs"),
    ("requests/stack_services.rs", "requests/app.rs"),
    ("requests/status/request.rs", "requests/prompts/mod.rs"),
    ("server/telegram/polling.rs", "server/telegram/mod.rs"),
    ("server/tools/help.rs", "server/tools/catalog.rs"),
    ("server/web/session.rs", "server/web/frame.rs"),
    ("workflow/asl/parse.rs", "workflow/asl/definition.rs"),
    ("workflow/rows.rs", "workflow/local.rs"),
];

type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

#[test]
fn files_import_in_no_circle() {
    let sources = sources();
    let imports = Modules::new(&sources).imports();
    let mut graph = graph(&imports);
    for (from, to) in KNOWN_CIRCLES {
        if let Some(imported) = graph.get_mut(from) {
            imported.remove(to);
        }
    }
    let mut faults: Vec<String> = circles(&graph)
        .into_iter()
        .map(|circle| format!("{} ({})", circle.join(" -> "), imports[&(circle[0].to_owned(), circle[1].to_owned())]))
        .collect();
    for (from, to) in KNOWN_CIRCLES {
        let exists = imports.contains_key(&((*from).to_owned(), (*to).to_owned()));
        if !exists || way(&graph, to, from).is_none() {
            faults.push(format!("KNOWN_CIRCLES: {from} -> {to} no longer closes a circle; remove the entry"));
        } else {
            graph.entry(from).or_default().insert(to);
        }
    }
    if !faults.is_empty() {
        let entries = cuts(&imports).into_iter().map(|(from, to)| format!("(\"{from}\", \"{to}\"),"));
        println!("A list that would cut every circle:\n    {}", entries.collect::<Vec<_>>().join("\n    "));
    }
    assert_none("No circle of files:", faults);
}

/// Imports whose removal leaves no circle, chosen greedily: first those of a folder's head by its files, then those that
/// are part of most circles.
fn cuts(imports: &Imports) -> Vec<(&str, &str)> {
    let all = graph(imports);
    let mut graph = Graph::new();
    for (from, to) in imports.keys().filter(|(from, to)| way(&all, to, from).is_some()) {
        graph.entry(from).or_default().insert(to);
    }
    let mut cuts = Vec::new();
    loop {
        let mut weights: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for circle in circles(&graph) {
            for pair in circle.windows(2) {
                *weights.entry((pair[0], pair[1])).or_default() += 1;
            }
        }
        let heaviest = weights.into_iter().max_by_key(|((from, to), weight)| (is_head_of(to, from), *weight));
        let Some(((from, to), _)) = heaviest else { break };
        cuts.push((from, to));
        if let Some(imported) = graph.get_mut(from) {
            imported.remove(to);
        }
    }
    cuts.sort_unstable();
    cuts
}

fn is_head_of(head: &str, path: &str) -> bool {
    let folder = head.strip_suffix("mod.rs").map_or_else(|| head.replace(".rs", "/"), str::to_owned);
    path.starts_with(&folder)
}

fn graph(imports: &Imports) -> Graph<'_> {
    let mut graph = Graph::new();
    for (from, to) in imports.keys() {
        graph.entry(from).or_default().insert(to);
    }
    graph
}

/// For each import that is part of a circle, the shortest circle it closes; each circle once.
fn circles<'a>(graph: &Graph<'a>) -> Vec<Vec<&'a str>> {
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for (from, imported) in graph {
        for to in imported {
            let Some(back) = way(graph, to, from) else { continue };
            let circle = [&[*from], &back[..]].concat();
            if seen.insert(circle.iter().copied().collect::<BTreeSet<_>>()) {
                circles.push(circle);
            }
        }
    }
    circles
}

/// The shortest way from one file to another along imports, both ends included.
fn way<'a>(graph: &Graph<'a>, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut came_from = BTreeMap::from([(from, from)]);
    let mut next = vec![from];
    while !next.contains(&to) {
        let mut further = Vec::new();
        for at in next {
            for one in graph.get(at).into_iter().flatten() {
                if !came_from.contains_key(one) {
                    came_from.insert(one, at);
                    further.push(*one);
                }
            }
        }
        if further.is_empty() {
            return None;
        }
        next = further;
    }
    let mut way = vec![*came_from.get_key_value(to)?.0];
    while way[way.len() - 1] != from {
        way.push(came_from[way[way.len() - 1]]);
    }
    way.reverse();
    Some(way)
}

#[test]
fn circles_are_found() {
    let edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e"), ("e", "d"), ("e", "f")];
    let imports: Imports =
        edges.iter().map(|(from, to)| (((*from).to_owned(), (*to).to_owned()), String::new())).collect();
    assert_eq!(circles(&graph(&imports)), [vec!["a", "b", "c", "a"], vec!["d", "e", "d"]]);
}
