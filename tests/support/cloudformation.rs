//! A stand-in for CloudFormation where an emulator that knows the protocol is not enough: it has nested change sets, answers
//! in pages, and its updates go only as far as the test lets them.
//!
//! The test says what the next change set holds, and plays CloudFormation's part in an update: each status of each resource.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Notify;

use super::http::listen;

/// Rows of one page, few enough that every answer of interest has several.
const PAGE: usize = 2;
const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
const STACK_TYPE: &str = "AWS::CloudFormation::Stack";
const ACCOUNT: &str = "arn:aws:cloudformation:us-east-1:000000000000";

/// A running stand-in. It ends with the test's runtime.
#[derive(Clone)]
pub struct CloudFormation {
    url: String,
    shared: Arc<Shared>,
}

/// What a change set does to one resource.
#[derive(Clone, Debug)]
pub struct Change {
    action: &'static str,
    resource: &'static str,
    kind: &'static str,
    replacement: &'static str,
    /// Properties that change.
    properties: &'static [&'static str],
    /// Of a nested stack: what changes inside it.
    nested: Vec<Change>,
}

impl Change {
    /// New code of a function.
    pub fn code(resource: &'static str) -> Self {
        Self { properties: &["Code"], ..Self::of("Modify", resource, "AWS::Lambda::Function") }
    }

    /// A resource that changes in a way nobody has listed as harmless, or comes or goes.
    pub fn of(action: &'static str, resource: &'static str, kind: &'static str) -> Self {
        let replacement = if action == "Modify" { "False" } else { "" };
        Self { action, resource, kind, replacement, properties: &[], nested: vec![] }
    }

    /// A nested stack with what changes inside it.
    pub fn nested(resource: &'static str, nested: Vec<Change>) -> Self {
        Self { nested, ..Self::of("Modify", resource, STACK_TYPE) }
    }
}

#[derive(Default)]
struct Shared {
    account: Mutex<Account>,
    /// Wakes calls that are held.
    released: Notify,
}

#[derive(Default)]
struct Account {
    stacks: BTreeMap<String, Stack>,
    change_sets: Vec<ChangeSet>,
    /// What the next change set holds.
    planned: Vec<Change>,
    calls: Vec<String>,
    executed: Vec<String>,
    throttled: usize,
    held: usize,
    /// A running update ends when this is called.
    ends_at: Option<&'static str>,
    counter: usize,
}

struct Stack {
    id: String,
    status: String,
    /// Oldest first.
    events: Vec<Event>,
    token: String,
}

struct Event {
    id: String,
    resource: String,
    physical: String,
    kind: String,
    status: String,
    reason: String,
    token: String,
    at: String,
}

#[derive(Clone)]
struct ChangeSet {
    id: String,
    name: String,
    stack: String,
    is_root: bool,
    execution: &'static str,
    changes: Vec<Change>,
    /// How often it is still to be described as being computed.
    computing: usize,
}

impl CloudFormation {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(call).with_state(shared.clone());
        let url = listen(router).await;
        Self { url, shared }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a stack that nothing happens to.
    pub fn has_stack(&self, name: &str, status: &str) {
        self.account().make(name, status);
    }

    /// What the next change set holds.
    pub fn plan(&self, changes: Vec<Change>) {
        self.account().planned = changes;
    }

    /// Changes what every change set of a stack holds, as when somebody else touched it.
    pub fn alter(&self, stack: &str, changes: Vec<Change>) {
        let mut account = self.account();
        let sets = account.change_sets.iter_mut().filter(|set| set.stack == stack);
        sets.for_each(|set| set.changes = changes.clone());
    }

    /// No change set can be executed any more, as when the stack was updated by somebody else.
    pub fn expire_change_sets(&self) {
        self.account().change_sets.iter_mut().for_each(|set| set.execution = "OBSOLETE");
    }

    /// A resource of a stack reaches a status.
    pub fn resource(&self, stack: &str, resource: &str, kind: &str, status: &str, reason: &str) {
        self.account().tell(stack, resource, "physical", kind, status, reason);
    }

    /// A stack as a whole reaches a status, and so does its row in the stack it is nested in.
    pub fn stack(&self, name: &str, status: &str, reason: &str) {
        self.account().moves(name, status, reason);
    }

    /// What a stack nested in another is called.
    pub fn child(parent: &str, resource: &str) -> String {
        format!("{parent}-{resource}-1ABCDEF")
    }

    /// A nested stack's row in its parent.
    pub fn nested(&self, parent: &str, resource: &str, status: &str, reason: &str) {
        let mut account = self.account();
        let child = account.stacks.get(&Self::child(parent, resource)).map(|stack| stack.id.clone());
        account.tell(parent, resource, &child.unwrap_or_default(), STACK_TYPE, status, reason);
    }

    /// So many of the next looks at events are throttled.
    pub fn throttle(&self, times: usize) {
        self.account().throttled = times;
    }

    /// So many of the next looks at events are answered only after [`CloudFormation::release`].
    pub fn hold(&self, times: usize) {
        self.account().held = times;
    }

    /// How many looks at events are still to be held.
    pub fn to_hold(&self) -> usize {
        self.account().held
    }

    pub fn release(&self) {
        self.shared.released.notify_waiters();
    }

    /// An update that runs is over at the moment in which this is called, before it is answered.
    pub fn end_at(&self, operation: &'static str) {
        self.account().ends_at = Some(operation);
    }

    /// How often an operation was called.
    pub fn count(&self, operation: &str) -> usize {
        self.account().calls.iter().filter(|call| *call == operation).count()
    }

    /// How many looks at events are still to be throttled.
    pub fn to_throttle(&self) -> usize {
        self.account().throttled
    }

    /// The change sets that were executed, by ARN.
    pub fn executed(&self) -> Vec<String> {
        self.account().executed.clone()
    }

    /// The change sets that are there, by name, those of nested stacks left out.
    pub fn change_sets(&self) -> Vec<String> {
        self.account().change_sets.iter().filter(|set| set.is_root).map(|set| set.name.clone()).collect()
    }

    pub fn status(&self, stack: &str) -> String {
        self.account().stacks.get(stack).map_or(String::new(), |stack| stack.status.clone())
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.shared)
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Account> {
    shared.account.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Account {
    fn make(&mut self, name: &str, status: &str) {
        self.counter += 1;
        let id = format!("{ACCOUNT}:stack/{name}/{:08}", self.counter);
        let stack = Stack { id: id.clone(), status: status.to_owned(), events: vec![], token: String::new() };
        self.stacks.insert(name.to_owned(), stack);
        self.tell(name, name, &id, STACK_TYPE, status, "");
    }

    fn moves(&mut self, name: &str, status: &str, reason: &str) {
        let stack = self.stacks.get_mut(name).expect("the stack is there");
        stack.status = status.to_owned();
        let id = stack.id.clone();
        self.tell(name, name, &id, STACK_TYPE, status, reason);
        if ["UPDATE_COMPLETE", "CREATE_COMPLETE"].contains(&status) {
            // One that was executed is gone with its success.
            self.change_sets.retain(|set| set.stack != name);
        }
    }

    fn end_update(&mut self) {
        let is_running = |set: &&ChangeSet| set.execution == "EXECUTE_IN_PROGRESS";
        if let Some(name) = self.change_sets.iter().find(is_running).map(|set| set.stack.clone()) {
            self.ends_at = None;
            self.moves(&name, "UPDATE_COMPLETE", "");
        }
    }

    fn tell(&mut self, stack: &str, resource: &str, physical: &str, kind: &str, status: &str, reason: &str) {
        self.counter += 1;
        let id = format!("event-{:08}", self.counter);
        let at = jiff::Timestamp::now().to_string();
        let stack = self.stacks.get_mut(stack).expect("the stack is there");
        let [resource, physical, kind, status, reason] = [resource, physical, kind, status, reason].map(str::to_owned);
        let token = stack.token.clone();
        stack.events.push(Event { id, resource, physical, kind, status, reason, token, at });
    }

    /// A stack by its name or ARN.
    fn find(&self, named: &str) -> Option<(&String, &Stack)> {
        self.stacks.iter().find(|(name, stack)| *name == named || stack.id == named)
    }

    /// A change set by its ARN, or by its name and stack.
    fn change_set(&mut self, form: &Form) -> Option<&mut ChangeSet> {
        let (named, stack) = (form.get("ChangeSetName"), form.get("StackName"));
        let stack = self.find(stack).map(|(name, _)| name.clone());
        let is_it = |set: &&mut ChangeSet| set.id == named || (set.name == named && Some(&set.stack) == stack.as_ref());
        self.change_sets.iter_mut().find(is_it)
    }

    fn create_change_set(&mut self, form: &Form) -> Response {
        let (stack, name) = (form.get("StackName").to_owned(), form.get("ChangeSetName").to_owned());
        if self.change_set(form).is_some() {
            return refusal("AlreadyExistsException", &format!("ChangeSet {name} cannot be created due to a mismatch"));
        }
        let creates = form.get("ChangeSetType") == "CREATE";
        match (self.stacks.contains_key(&stack), creates) {
            (false, true) => self.make(&stack, "REVIEW_IN_PROGRESS"),
            (false, false) => return no_stack(&stack),
            (true, _) => {}
        }
        let changes = self.planned.clone();
        let with_nested = form.get("IncludeNestedStacks") == "true";
        let id = self.add_change_set(&stack, &name, changes, with_nested, true);
        let stack_id = self.stacks[&stack].id.clone();
        ok("CreateChangeSet", &format!("<Id>{id}</Id><StackId>{stack_id}</StackId>"))
    }

    fn add_change_set(&mut self, stack: &str, name: &str, changes: Vec<Change>, deep: bool, is_root: bool) -> String {
        for change in changes.iter().filter(|change| deep && change.kind == STACK_TYPE) {
            let child = CloudFormation::child(stack, change.resource);
            if !self.stacks.contains_key(&child) {
                self.make(&child, "UPDATE_COMPLETE");
            }
            self.add_change_set(&child, &format!("{name}-{}", change.resource), change.nested.clone(), deep, false);
        }
        self.counter += 1;
        let id = format!("{ACCOUNT}:changeSet/{name}/{:08}", self.counter);
        let execution = if is_root { "AVAILABLE" } else { "UNAVAILABLE" };
        let (name, stack) = (name.to_owned(), stack.to_owned());
        let computing = usize::from(is_root);
        self.change_sets.push(ChangeSet { id: id.clone(), name, stack, is_root, execution, changes, computing });
        id
    }

    fn describe_change_set(&mut self, form: &Form) -> Response {
        let from: usize = form.get("NextToken").parse().unwrap_or(0);
        let name = form.get("ChangeSetName").to_owned();
        let Some(set) = self.change_set(form) else {
            return refusal("ChangeSetNotFound", &format!("ChangeSet [{name}] does not exist"));
        };
        let is_computed = set.computing == 0;
        set.computing = set.computing.saturating_sub(1);
        let set = set.clone();
        let shown = if is_computed { &set.changes[..] } else { &[] };
        let changes: String = shown.iter().skip(from).take(PAGE).map(|change| self.describe(&set, change)).collect();
        let next = if from + PAGE < shown.len() { tag("NextToken", &(from + PAGE).to_string()) } else { String::new() };
        let text = [
            tag("ChangeSetId", &set.id),
            tag("ChangeSetName", &set.name),
            tag("StackId", &self.stacks[&set.stack].id),
            tag("StackName", &set.stack),
            tag("Status", if is_computed { "CREATE_COMPLETE" } else { "CREATE_IN_PROGRESS" }),
            tag("ExecutionStatus", if is_computed { set.execution } else { "UNAVAILABLE" }),
            tag("IncludeNestedStacks", "true"),
            next,
            tag("Changes", &changes),
        ];
        ok("DescribeChangeSet", &text.concat())
    }

    fn describe(&self, set: &ChangeSet, change: &Change) -> String {
        let child = CloudFormation::child(&set.stack, change.resource);
        let of_child =
            |other: &&ChangeSet| other.stack == child && other.name == format!("{}-{}", set.name, change.resource);
        let nested =
            self.change_sets.iter().find(of_child).map_or(String::new(), |other| tag("ChangeSetId", &other.id));
        let physical = match self.stacks.get(&child).filter(|_| change.kind == STACK_TYPE) {
            Some(stack) => stack.id.clone(),
            None => format!("{}-{}", set.stack, change.resource).to_lowercase(),
        };
        let detail = |property: &&str| {
            let target = tag("Attribute", "Properties") + &tag("Name", property) + &tag("RequiresRecreation", "Never");
            let source = tag("Evaluation", "Static") + &tag("ChangeSource", "DirectModification");
            tag("member", &(tag("Target", &target) + &source))
        };
        let details: String = change.properties.iter().map(detail).collect();
        let scope = if change.properties.is_empty() { String::new() } else { tag("member", "Properties") };
        let resource = [
            tag("Action", change.action),
            tag("LogicalResourceId", change.resource),
            if change.action == "Add" { String::new() } else { tag("PhysicalResourceId", &physical) },
            tag("ResourceType", change.kind),
            if change.replacement.is_empty() { String::new() } else { tag("Replacement", change.replacement) },
            tag("Scope", &scope),
            tag("Details", &details),
            nested,
        ];
        tag("member", &(tag("Type", "Resource") + &tag("ResourceChange", &resource.concat())))
    }

    fn execute(&mut self, form: &Form) -> Response {
        let token = form.get("ClientRequestToken").to_owned();
        let name = form.get("ChangeSetName").to_owned();
        let Some(set) = self.change_set(form) else {
            return refusal("ChangeSetNotFound", &format!("ChangeSet [{name}] does not exist"));
        };
        if set.execution != "AVAILABLE" || !set.is_root {
            let sentence =
                format!("ChangeSet [{}] cannot be executed in its current status of [{}]", set.id, set.execution);
            return refusal("InvalidChangeSetStatus", &sentence);
        }
        set.execution = "EXECUTE_IN_PROGRESS";
        let set = set.clone();
        self.executed.push(set.id);
        let stack = self.stacks.get_mut(&set.stack).expect("a change set has a stack");
        stack.token = token;
        let status = if stack.status == "REVIEW_IN_PROGRESS" { "CREATE_IN_PROGRESS" } else { "UPDATE_IN_PROGRESS" };
        self.moves(&set.stack, status, "User Initiated");
        ok("ExecuteChangeSet", "")
    }

    fn delete_change_set(&mut self, form: &Form) -> Response {
        if self.find(form.get("StackName")).is_none() {
            return no_stack(form.get("StackName"));
        }
        let Some(set) = self.change_set(form) else { return ok("DeleteChangeSet", "") };
        if set.computing > 0 || set.execution.starts_with("EXECUTE") {
            // Its computing takes as long as somebody asks.
            set.computing = set.computing.saturating_sub(1);
            let sentence = format!("An operation on ChangeSet [{}] is currently in progress.", set.id);
            return refusal("InvalidChangeSetStatus", &sentence);
        }
        let name = set.name.clone();
        self.change_sets.retain(|set| !set.name.starts_with(&name));
        ok("DeleteChangeSet", "")
    }

    fn describe_stacks(&self, form: &Form) -> Response {
        let Some((name, stack)) = self.find(form.get("StackName")) else { return no_stack(form.get("StackName")) };
        let rows = [
            tag("StackId", &stack.id),
            tag("StackName", name),
            tag("StackStatus", &stack.status),
            tag("CreationTime", "2026-01-01T00:00:00Z"),
        ];
        ok("DescribeStacks", &tag("Stacks", &tag("member", &rows.concat())))
    }

    fn describe_events(&self, form: &Form) -> Response {
        let from: usize = form.get("NextToken").parse().unwrap_or(0);
        let Some((name, stack)) = self.find(form.get("StackName")) else { return no_stack(form.get("StackName")) };
        let row = |event: &Event| {
            let optional = |name: &str, value: &str| if value.is_empty() { String::new() } else { tag(name, value) };
            let fields = [
                tag("EventId", &event.id),
                tag("StackId", &stack.id),
                tag("StackName", name),
                tag("LogicalResourceId", &event.resource),
                optional("PhysicalResourceId", &event.physical),
                tag("ResourceType", &event.kind),
                tag("ResourceStatus", &event.status),
                optional("ResourceStatusReason", &event.reason),
                optional("ClientRequestToken", &event.token),
                tag("Timestamp", &event.at),
            ];
            tag("member", &fields.concat())
        };
        let page: String = stack.events.iter().rev().skip(from).take(PAGE).map(row).collect();
        let next =
            if from + PAGE < stack.events.len() { tag("NextToken", &(from + PAGE).to_string()) } else { String::new() };
        ok("DescribeStackEvents", &(tag("StackEvents", &page) + &next))
    }

    fn cancel_update(&mut self, form: &Form) -> Response {
        let Some(name) = self.find(form.get("StackName")).map(|(name, _)| name.clone()) else {
            return no_stack(form.get("StackName"));
        };
        if self.stacks[&name].status != "UPDATE_IN_PROGRESS" {
            return refusal("ValidationError", "CancelUpdateStack cannot be called from current stack status");
        }
        self.moves(&name, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated");
        ok("CancelUpdateStack", "")
    }
}

/// A call's parameters.
struct Form(BTreeMap<String, String>);

impl Form {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

fn plain(encoded: &str) -> String {
    percent_encoding::percent_decode_str(&encoded.replace('+', " ")).decode_utf8_lossy().into_owned()
}

async fn call(State(shared): State<Arc<Shared>>, body: String) -> Response {
    let form =
        Form(body.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (plain(k), plain(v))).collect());
    let operation = form.get("Action").to_owned();
    if operation == "DescribeStackEvents" {
        let is_held = {
            let mut account = lock(&shared);
            let is_held = account.held > 0;
            account.held = account.held.saturating_sub(1);
            is_held
        };
        if is_held {
            shared.released.notified().await;
        }
    }
    let mut account = lock(&shared);
    account.calls.push(operation.clone());
    if account.ends_at == Some(operation.as_str()) {
        account.end_update();
    }
    match operation.as_str() {
        "CreateChangeSet" => account.create_change_set(&form),
        "DescribeChangeSet" => account.describe_change_set(&form),
        "ExecuteChangeSet" => account.execute(&form),
        "DeleteChangeSet" => account.delete_change_set(&form),
        "DescribeStacks" => account.describe_stacks(&form),
        "DescribeStackEvents" if account.throttled > 0 => {
            account.throttled -= 1;
            refusal("Throttling", "Rate exceeded")
        }
        "DescribeStackEvents" => account.describe_events(&form),
        "CancelUpdateStack" => account.cancel_update(&form),
        other => refusal("InvalidAction", other),
    }
}

fn tag(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

fn ok(operation: &str, result: &str) -> Response {
    let text = format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{operation}Response>"
    );
    ([(header::CONTENT_TYPE, "text/xml")], text).into_response()
}

fn no_stack(name: &str) -> Response {
    refusal("ValidationError", &format!("Stack [{name}] does not exist"))
}

fn refusal(code: &str, message: &str) -> Response {
    let error = tag("Type", "Sender") + &tag("Code", code) + &tag("Message", message);
    let text = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\">{}<RequestId>1</RequestId></ErrorResponse>",
        tag("Error", &error)
    );
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "text/xml")], text).into_response()
}
