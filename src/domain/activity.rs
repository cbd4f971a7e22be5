//! Where a request or deploy is right now: one sentence, which reads the same everywhere. Another language says the same.

use super::backend::stack_action::StackAction;
use std::fmt;

/// What is going on, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// What is going on.
    pub doing: Activity,
    /// How far it is.
    pub how_far: Extent,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The sentences below say what the names mean.
pub enum Activity {
    AwaitingApproval,
    Starting,
    StartingMaintenance,
    LookingAtBucket,
    ReadingBucket,
    Pruning,
    ComparingBucket,
    PublishingAssets,
    PublishingPages,
    ClosingRecords,
    FetchingSource,
    StartingBuild,
    Building,
    ComparingStack,
    AwaitingInfrastructure,
    ChangingStack(StackAction),
    ChangedStack(StackAction),
    FailedStack(StackAction),
    CleaningUp,
    RollingBack,
    RolledBack,
    RollbackFailed,
    Finishing,
}

/// How far something is, where that can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// It cannot.
    Unsaid,
    /// In a phase, by CodeBuild's name.
    Phase(String),
    /// So many files of so many.
    Files(u64, u64),
    /// So many resources of so many.
    Resources(u64, u64),
}

impl Activity {
    /// Everything that can go on.
    pub fn all() -> Vec<Activity> {
        use Activity as D;
        let stack = |doing: fn(StackAction) -> Activity| StackAction::ALL.into_iter().map(doing);
        let alone = [
            D::AwaitingApproval,
            D::Starting,
            D::StartingMaintenance,
            D::LookingAtBucket,
            D::ReadingBucket,
            D::Pruning,
            D::ComparingBucket,
            D::PublishingAssets,
            D::PublishingPages,
            D::ClosingRecords,
            D::FetchingSource,
            D::StartingBuild,
            D::Building,
            D::ComparingStack,
            D::AwaitingInfrastructure,
            D::CleaningUp,
            D::RollingBack,
            D::RolledBack,
            D::RollbackFailed,
            D::Finishing,
        ];
        let changes = stack(D::ChangingStack).chain(stack(D::ChangedStack)).chain(stack(D::FailedStack));
        alone.into_iter().chain(changes).collect()
    }

    /// The same with how far it is.
    pub fn at(self, how_far: Extent) -> Hint {
        Hint { doing: self, how_far }
    }

    /// In words.
    pub fn as_str(self) -> &'static str {
        use StackAction as A;
        match self {
            Activity::AwaitingApproval => "Waiting for approval",
            Activity::Starting => "Starting: the decision is stored",
            Activity::StartingMaintenance => "Starting",
            Activity::LookingAtBucket => "Looking at what the bucket holds",
            Activity::ReadingBucket => "Reading the bucket",
            Activity::Pruning => "Removing what nothing needs any more",
            Activity::ComparingBucket => "Comparing the bucket with the approved files",
            Activity::PublishingAssets => "Publishing assets",
            Activity::PublishingPages => "Publishing pages",
            Activity::ClosingRecords => "Live; closing the records",
            Activity::FetchingSource => "Fetching the source of the commit",
            Activity::StartingBuild => "Starting the build",
            Activity::Building => "Building",
            Activity::ComparingStack => "Comparing the stack with the template",
            Activity::AwaitingInfrastructure => "Waiting for infrastructure approval",
            Activity::ChangingStack(A::Create) => "Creating stack",
            Activity::ChangingStack(A::Update) => "Updating stack",
            Activity::ChangingStack(A::Import) => "Importing into stack",
            Activity::ChangingStack(A::Delete) => "Deleting stack",
            Activity::ChangedStack(A::Create) => "Stack created",
            Activity::ChangedStack(A::Update) => "Stack updated",
            Activity::ChangedStack(A::Import) => "Stack imported into",
            Activity::ChangedStack(A::Delete) => "Stack deleted",
            Activity::FailedStack(A::Create) => "Stack not created: it failed and was left as it is",
            Activity::FailedStack(A::Update) => "Stack not updated: it failed and was left as it is",
            Activity::FailedStack(A::Import) => "Stack not imported into: it failed and was left as it is",
            Activity::FailedStack(A::Delete) => "Stack not deleted: it failed and was left as it is",
            Activity::CleaningUp => "Cleaning up after the update",
            Activity::RollingBack => "Rolling back",
            Activity::RolledBack => "Rolled back: the change failed and was undone",
            Activity::RollbackFailed => "Rollback failed: the stack needs a person",
            Activity::Finishing => "Finishing: the stack is up to date",
        }
    }
}

impl From<Activity> for Hint {
    fn from(doing: Activity) -> Self {
        doing.at(Extent::Unsaid)
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.doing.as_str())?;
        match &self.how_far {
            Extent::Unsaid => Ok(()),
            Extent::Phase(phase) => write!(f, ": {phase} phase"),
            Extent::Files(done, total) => write!(f, ": {done} of {total} files"),
            Extent::Resources(done, 1) => write!(f, ": {done} of 1 resource"),
            Extent::Resources(done, total) => write!(f, ": {done} of {total} resources"),
        }
    }
}
