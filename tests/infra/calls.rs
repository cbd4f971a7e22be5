//! Which calls of AWS the program makes, read from its sources: from an entrance (the tasks, or what answers a request)
//! from function to function, down to the methods of the SDK's clients. What a name may mean is judged by the receiver
//! and the module before it, generously: a call too many shows as a right that is missing, never the other way round.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proc_macro2::Delimiter;

use crate::house::source::{Kind, Source, sources};

/// A call: the SDK's crate without `aws_sdk_`, and the operation as the SDK names it.
pub type Call = (String, String);

/// Calls, and for each the way to it from an entrance.
pub type Ways = BTreeMap<Call, String>;

/// What is done with a table: its name in the program, and the operation as the SDK names it.
pub type TableUse = (String, String);

/// Calls by whose credentials they are made with.
#[derive(Debug, Default)]
pub struct Calls {
    /// Bouncer's own tables, and for each use of one the way to it from an entrance.
    pub tables: BTreeMap<TableUse, String>,
    /// Bouncer's own.
    pub own: Ways,
    /// Those of a site's deploy role.
    pub site: Ways,
    /// Those of the role in a stack's account.
    pub target: Ways,
}

/// The repository in `storage/` that is over S3. The others are over DynamoDB.
const DOCUMENTS: &str = "storage/documents.rs";

/// Fields that hold an adapter, and the file it is in. What is called on them is looked up there.
const ADAPTERS: [(&str, &str); 13] = [
    ("store", "storage/"),
    ("documents", DOCUMENTS),
    ("engine", "workflow/step_functions.rs"),
    ("workflows", "aws/workflows.rs"),
    ("objects", "aws/objects/"),
    ("sites", "aws/sites.rs"),
    ("builds", "aws/builds.rs"),
    ("logs", "aws/logs.rs"),
    ("artifacts", "aws/objects/bucket.rs"),
    ("stacks", "aws/stacks/"),
    ("secrets", "aws/secrets.rs"),
    ("roles", "aws/roles.rs"),
    ("identity", "aws/settings.rs"),
];

/// Things that work with credentials of others, the file of their methods, and whose they are.
const OTHERS: [(&str, &str, Credentials); 3] = [
    ("site", "aws/objects/", Credentials::Site),
    ("cdn", "aws/cdn.rs", Credentials::Site),
    ("account", "aws/stacks/", Credentials::Target),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Credentials {
    Own,
    Site,
    Target,
}

/// The program's functions.
pub struct Program {
    sources: Vec<Source>,
    functions: Vec<Function>,
    by_name: HashMap<String, Vec<usize>>,
    with_impl: HashMap<String, BTreeSet<usize>>,
    /// Of each source: what in it is a client, and of which crate.
    clients: Vec<BTreeMap<String, String>>,
}

struct Function {
    source: usize,
    name: String,
    /// Whether it is called on something.
    is_method: bool,
    /// Positions of the body's tokens.
    body: std::ops::Range<usize>,
}

impl Program {
    /// As it is in `src/`, without what only the local profile has.
    pub fn read() -> Self {
        let hosted = |source: &Source| {
            let path = &source.path;
            !path.starts_with("local/") && !path.starts_with("server/local/") && !path.starts_with("cli/")
        };
        Self::of(sources().into_iter().filter(hosted).collect())
    }

    fn of(sources: Vec<Source>) -> Self {
        let functions =
            sources.iter().enumerate().flat_map(|(at, source)| functions_of(at, source)).collect::<Vec<_>>();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, function) in functions.iter().enumerate() {
            by_name.entry(function.name.clone()).or_default().push(at);
        }
        let mut clients: Vec<BTreeMap<String, String>> = sources.iter().map(clients_of).collect();
        // What is in an adapter's folder speaks through the adapter's client.
        for at in 0..sources.len() {
            let adapter = adapter_of(&sources[at].path).to_owned();
            for (other, source) in sources.iter().enumerate() {
                if other != at && source.path.starts_with("aws/") && adapter_of(&source.path) == adapter {
                    let theirs = clients[other].clone();
                    clients[at].extend(theirs);
                }
            }
        }
        // The repositories share one client.
        let of_store: BTreeMap<String, String> = (sources.iter().zip(&clients))
            .filter(|(source, _)| source.path.starts_with("storage/"))
            .flat_map(|(_, clients)| clients.clone())
            .collect();
        for (source, clients) in sources.iter().zip(&mut clients) {
            if source.path.starts_with("storage/") {
                clients.clone_from(&of_store);
            }
        }
        Self { with_impl: implementations(&sources), sources, functions, by_name, clients }
    }

    /// What the functions of some files lead to.
    pub fn calls_from(&self, is_entrance: impl Fn(&str) -> bool) -> Calls {
        let starts = (0..self.functions.len()).filter(|at| is_entrance(&self.path_of(*at)));
        let mut open: Vec<(usize, Credentials)> = starts.map(|at| (at, Credentials::Own)).collect();
        let mut ways: BTreeMap<(usize, Credentials), String> =
            open.iter().map(|(at, with)| ((*at, *with), self.path_of(*at))).collect();
        let mut calls = Calls::default();
        while let Some((at, with)) = open.pop() {
            let (found, next) = self.look_into(at, with);
            let way = ways[&(at, with)].clone();
            let ways_there = match with {
                Credentials::Own => &mut calls.own,
                Credentials::Site => &mut calls.site,
                Credentials::Target => &mut calls.target,
            };
            ways_there.extend(found.iter().map(|call| (call.clone(), way.clone())));
            calls.tables.extend(self.tables_in(at, &found).into_iter().map(|of| (of, way.clone())));
            for step in next {
                ways.entry(step).or_insert_with(|| {
                    open.push(step);
                    format!("{way} > {}", self.path_of(step.0))
                });
            }
        }
        calls
    }

    fn path_of(&self, function: usize) -> String {
        let function = &self.functions[function];
        format!("{}::{}", self.sources[function.source].path, function.name)
    }

    /// The calls of AWS in a function, and the functions that it calls.
    fn look_into(&self, at: usize, with: Credentials) -> (BTreeSet<Call>, BTreeSet<(usize, Credentials)>) {
        let function = &self.functions[at];
        let source = &self.sources[function.source];
        let (mut found, mut next) = (BTreeSet::new(), BTreeSet::new());
        for place in function.body.clone() {
            let Some(name) = called(source, place) else { continue };
            if place > 0 && source.is_sign(place - 1, '.') {
                let on = receiver(source, place - 2);
                match self.clients[function.source].get(&on) {
                    Some(service) if name != "clone" => drop(found.insert((service.clone(), name.to_owned()))),
                    Some(_) => {}
                    None => next.extend(self.methods(function.source, &on, name, with)),
                }
            } else if name == "builder" && source.name(place.saturating_sub(3)) == Some("AssumeRoleProvider") {
                // The SDK's own provider makes this call.
                found.insert(("sts".to_owned(), "assume_role".to_owned()));
            } else {
                next.extend(self.plain(function.source, place, name).into_iter().map(|at| (at, with)));
            }
        }
        (found, next)
    }

    /// What a function of the repositories does with the tables that it names, with the calls that it makes itself.
    fn tables_in(&self, at: usize, own_calls: &BTreeSet<Call>) -> BTreeSet<TableUse> {
        let function = &self.functions[at];
        let source = &self.sources[function.source];
        let mut uses = BTreeSet::new();
        if source.folder() != "storage" {
            return uses;
        }
        for place in function.body.clone() {
            let Some(table) = source.name(place).filter(|_| place >= 5 && source.is_path_sign(place - 2)) else {
                continue;
            };
            if source.name(place - 3) != Some("Table") {
                continue;
            }
            // `method(Table::Name, …)`
            let method = called(source, place - 5).unwrap_or_default();
            let operations: Vec<&str> = match method {
                "get" | "get_item" | "get_part" => vec!["get_item"],
                "put" | "put_part" => vec!["put_item"],
                "set" | "set_part" | "update" => vec!["update_item"],
                "delete" => vec!["delete_item"],
                "check_part" => vec!["condition_check_item"],
                "query_index" | "query_span" => vec!["query_index"],
                "scan_items" => vec!["scan"],
                "table" => {
                    own_calls.iter().filter(|(service, _)| service == "dynamodb").map(|(_, name)| &**name).collect()
                }
                // Reads what a row says, or names the table in an error.
                _ => vec![],
            };
            uses.extend(operations.into_iter().map(|operation| (table.to_owned(), operation.to_owned())));
        }
        uses
    }

    fn methods(&self, from: usize, on: &str, name: &str, with: Credentials) -> Vec<(usize, Credentials)> {
        let in_place = |place: &str| {
            // The tables and the documents have methods of the same names.
            let is_other = |path: &str| place != DOCUMENTS && path == DOCUMENTS;
            self.named(name, |function, path| function.is_method && path.starts_with(place) && !is_other(path))
        };
        let other = OTHERS.iter().find(|(what, ..)| *what == on).map(|(_, file, whose)| (in_place(file), *whose));
        if let Some((there, whose)) = other.filter(|(there, _)| !there.is_empty()) {
            return there.into_iter().map(|at| (at, whose)).collect();
        }
        let own = &self.sources[from];
        let candidates = match (ADAPTERS.iter().find(|(what, _)| *what == on), own.folder()) {
            (Some((_, file)), _) => in_place(file),
            (None, "aws") => in_place(adapter_of(&own.path)),
            // A repository calls its own kind on itself alone; what is called on others is a map or a text.
            (None, "storage") if on != "self" => vec![],
            (None, "storage") if own.path == DOCUMENTS => in_place(DOCUMENTS),
            (None, folder) => in_place(&format!("{folder}/")),
        };
        candidates.into_iter().map(|at| (at, with)).collect()
    }

    /// A function called by its name or path. Imports run one way, so it is in the same folder or in one below.
    fn plain(&self, from: usize, place: usize, name: &str) -> Vec<usize> {
        let source = &self.sources[from];
        let mut found = self.named(name, |function, path| {
            let is_path = place >= 3 && source.is_path_sign(place - 2);
            match is_path.then(|| source.name(place - 3)).flatten() {
                Some("Self") => path == source.path,
                Some("super" | "self" | "crate") => true,
                Some(module) if module.starts_with(char::is_uppercase) => {
                    self.with_impl.get(module).is_some_and(|files| files.contains(&function.source))
                }
                Some(module) => {
                    let module = renamed(source, module);
                    path.split(['/', '.']).any(|part| part == module)
                }
                None => !function.is_method,
            }
        });
        found.retain(|at| {
            let there = self.sources[self.functions[*at].source].folder();
            there == source.folder() || layer(there) < layer(source.folder())
        });
        let is_here = |at: &usize| self.functions[*at].source == from;
        if found.iter().any(is_here) {
            found.retain(is_here);
        }
        found
    }

    fn named(&self, name: &str, is_it: impl Fn(&Function, &str) -> bool) -> Vec<usize> {
        let all = self.by_name.get(name).into_iter().flatten().copied();
        all.filter(|at| is_it(&self.functions[*at], &self.sources[self.functions[*at].source].path)).collect()
    }
}

/// The module that a source imports as `name`.
fn renamed<'a>(source: &'a Source, name: &'a str) -> &'a str {
    let import =
        (1..source.tokens.len()).find(|at| source.name(*at) == Some("as") && source.name(at + 1) == Some(name));
    import.and_then(|at| source.name(at - 1)).unwrap_or(name)
}

/// The sources in which a type has methods.
fn implementations(sources: &[Source]) -> HashMap<String, BTreeSet<usize>> {
    let mut found: HashMap<String, BTreeSet<usize>> = HashMap::new();
    for (index, source) in sources.iter().enumerate() {
        for at in 1..source.tokens.len() {
            let Some(name) = source.name(at) else { continue };
            if matches!(source.name(at - 1), Some("impl" | "for")) || source.is_sign(at - 1, '>') {
                found.entry(name.to_owned()).or_default().insert(index);
            }
        }
    }
    found
}

/// How far from the bottom a folder is.
fn layer(folder: &str) -> usize {
    match folder {
        "domain" | "policy" | "analysis" => 0,
        "storage" | "aws" | "channels" => 1,
        "requests" => 2,
        "admin" => 3,
        "kinds" => 4,
        _ => 5,
    }
}

/// The name before an opening parenthesis, if something is called there.
fn called(source: &Source, at: usize) -> Option<&str> {
    let name = source.name(at)?;
    let after =
        if source.is_path_sign(at + 1) && source.is_sign(at + 3, '<') { type_end(source, at + 3) } else { at + 1 };
    let is_call = source.tokens.get(after).is_some_and(|token| token.kind == Kind::Open(Delimiter::Parenthesis));
    let is_definition = at > 0 && source.name(at - 1) == Some("fn");
    (is_call && !is_definition).then_some(name)
}

/// Where the types of `name::<T>` have ended.
fn type_end(source: &Source, open: usize) -> usize {
    let mut depth = 0_usize;
    for at in open..source.tokens.len() {
        if source.is_sign(at, '<') {
            depth += 1;
        } else if source.is_sign(at, '>') {
            depth -= 1;
        }
        if depth == 0 {
            return at + 1;
        }
    }
    source.tokens.len()
}

/// What a method is called on: a name, `0` for the part of a tuple, or the function whose answer it is.
fn receiver(source: &Source, at: usize) -> String {
    match source.tokens.get(at).map(|token| &token.kind) {
        Some(Kind::Name(name)) => name.clone(),
        Some(Kind::Literal(_)) => "0".to_owned(),
        Some(Kind::Close(_)) => {
            let open = opening(source, at);
            open.checked_sub(1)
                .and_then(|before| source.name(before))
                .map_or_else(String::new, |name| format!("{name}()"))
        }
        _ => String::new(),
    }
}

fn opening(source: &Source, close: usize) -> usize {
    let mut depth = 0_usize;
    for at in (0..=close).rev() {
        match source.tokens[at].kind {
            Kind::Close(_) => depth += 1,
            Kind::Open(_) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    0
}

fn functions_of(index: usize, source: &Source) -> Vec<Function> {
    let mut functions = Vec::new();
    for at in 0..source.tokens.len() {
        let (Some("fn"), Some(name)) = (source.name(at), source.name(at + 1)) else { continue };
        let Some(open) = body_of(source, at) else { continue };
        let end = closing(source, open);
        let parameters = (at..open).find(|at| source.tokens[*at].kind == Kind::Open(Delimiter::Parenthesis));
        let is_method = parameters.is_some_and(|open| (open + 1..open + 5).any(|at| source.name(at) == Some("self")));
        functions.push(Function { source: index, name: name.to_owned(), is_method, body: open + 1..end });
    }
    functions
}

/// Where a function's body opens; a declaration has none.
fn body_of(source: &Source, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for at in from..source.tokens.len() {
        match &source.tokens[at].kind {
            Kind::Open(Delimiter::Brace) if depth == 0 => return Some(at),
            Kind::Sign(';') if depth == 0 => return None,
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

fn closing(source: &Source, open: usize) -> usize {
    let mut depth = 0_usize;
    for at in open..source.tokens.len() {
        match source.tokens[at].kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    source.tokens.len()
}

/// Returns `aws/objects` for `aws/objects.rs` and for all files of a folder of that name; any other path unchanged.
fn adapter_of(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("aws/") else { return path };
    let name = rest.split(['/', '.']).next().unwrap_or(rest);
    &path[.."aws/".len() + name.len()]
}

/// What in a file is a client: fields, variables, `0` for the part of a tuple, `name()` for what a function gives.
fn clients_of(source: &Source) -> BTreeMap<String, String> {
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut mentions: Vec<(usize, &str)> = Vec::new();
    for at in 0..source.tokens.len() {
        let service = source.name(at).and_then(|name| name.strip_prefix("aws_sdk_"));
        let Some(service) = service.filter(|_| source.is_path_sign(at + 1) && source.name(at + 3) == Some("Client"))
        else {
            continue;
        };
        if at > 0 && source.name(at - 1) == Some("use") {
            let alias = if source.name(at + 4) == Some("as") { source.name(at + 5) } else { None };
            types.insert(alias.unwrap_or("Client"), service);
        } else if !source.is_path_sign(at + 4) {
            mentions.push((at, service));
        }
    }
    for at in 0..source.tokens.len() {
        let is_whole = at == 0 || !source.is_sign(at - 1, ':') || !source.is_sign(at.saturating_sub(2), ':');
        if let Some(service) = source.name(at).and_then(|name| types.get(name)).filter(|_| is_whole) {
            mentions.push((at, service));
        }
    }
    let mut clients = BTreeMap::new();
    for (at, service) in mentions {
        if let Some(name) = holder(source, at) {
            clients.insert(name, service.to_owned());
        }
    }
    clients
}

/// What has the type that is named at a position.
fn holder(source: &Source, at: usize) -> Option<String> {
    // Behind a reference too.
    let before = if source.is_sign(at.checked_sub(1)?, '&') { at.checked_sub(2)? } else { at - 1 };
    match &source.tokens[before].kind {
        Kind::Sign(':') => source.name(before.checked_sub(1)?).map(str::to_owned),
        Kind::Open(Delimiter::Parenthesis) => {
            let is_struct = before >= 2 && source.name(before - 2) == Some("struct");
            is_struct.then(|| "0".to_owned())
        }
        Kind::Sign('>') => {
            let name = (0..before).rev().find(|at| source.name(*at) == Some("fn"))? + 1;
            source.name(name).map(|name| format!("{name}()"))
        }
        _ => None,
    }
}

#[test]
fn calls_are_followed_to_the_clients() {
    let adapter = Source::for_test(
        "aws/objects/client.rs",
        "use aws_sdk_s3::Client; struct Objects { client: Client }
         impl Objects {
             fn signer(&self) -> Client { self.client.clone() }
             pub async fn read(&self) { self.client.get_object().send().await }
             pub async fn put(&self) { self.deeper() }
             fn deeper(&self) { self.signer().put_object().send() }
             pub fn never(&self) { self.client.delete_object() }
         }",
    );
    let other = Source::for_test(
        "aws/settings.rs",
        "struct Identity(aws_sdk_sts::Client); impl Identity { fn account(&self) { self.0.get_caller_identity() } }",
    );
    let publish = Source::for_test(
        "kinds/publish.rs",
        "pub fn publish(app: &App) { helper(app); app.identity.account() } fn helper(app: &App) { app.objects.read(); site.put() }",
    );
    let entrance = Source::for_test("workflow/tasks.rs", "fn run() { publish::publish(app) }");
    let program = Program::of(vec![adapter, other, publish, entrance]);
    let calls = program.calls_from(|path| path == "workflow/tasks.rs::run");
    let call = |service: &str, name: &str| (service.to_owned(), name.to_owned());
    let of = |ways: &Ways| ways.keys().cloned().collect::<Vec<_>>();
    assert_eq!(of(&calls.own), [call("s3", "get_object"), call("sts", "get_caller_identity")]);
    assert_eq!(of(&calls.site), [call("s3", "put_object")]);
    assert_eq!(of(&calls.target), []);
    let way = &calls.own[&call("s3", "get_object")];
    assert_eq!(
        way,
        "workflow/tasks.rs::run > kinds/publish.rs::publish > kinds/publish.rs::helper > aws/objects/client.rs::read"
    );
}
