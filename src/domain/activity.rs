//! Where a request or deploy is right now: one sentence, which reads the same everywhere. Another language says the same.

use crate::analysis::stack_progress::StackAction;
use std::fmt;

/// What is going on, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// What is going on.
    pub doing: Doing,
    /// How far it is.
    pub how_far: HowFar,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The sentences below say what the names mean.
pub enum Doing {
    AwaitingApproval,
    Starting,
    StartingUpkeep,
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
pub enum HowFar {
    /// It cannot.
    Unsaid,
    /// In a phase, by CodeBuild's name.
    Phase(String),
    /// So many files of so many.
    Files(u64, u64),
    /// So many resources of so many.
    Resources(u64, u64),
}

impl Doing {
    /// Everything that can go on.
    pub fn all() -> Vec<Doing> {
        use Doing as D;
        let stack = |doing: fn(StackAction) -> Doing| StackAction::ALL.into_iter().map(doing);
        let alone = [
            D::AwaitingApproval,
            D::Starting,
            D::StartingUpkeep,
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
    pub fn at(self, how_far: HowFar) -> Hint {
        Hint { doing: self, how_far }
    }

    /// In words.
    pub fn as_str(self) -> &'static str {
        use StackAction as A;
        match self {
            Doing::AwaitingApproval => "Waiting for approval",
            Doing::Starting => "Starting: the decision is stored",
            Doing::StartingUpkeep => "Starting",
            Doing::LookingAtBucket => "Looking at what the bucket holds",
            Doing::ReadingBucket => "Reading the bucket",
            Doing::Pruning => "Removing what nothing needs any more",
            Doing::ComparingBucket => "Comparing the bucket with the approved files",
            Doing::PublishingAssets => "Publishing assets",
            Doing::PublishingPages => "Publishing pages",
            Doing::ClosingRecords => "Live; closing the records",
            Doing::FetchingSource => "Fetching the source of the commit",
            Doing::StartingBuild => "Starting the build",
            Doing::Building => "Building",
            Doing::ComparingStack => "Comparing the stack with the template",
            Doing::AwaitingInfrastructure => "Waiting for infrastructure approval",
            Doing::ChangingStack(A::Create) => "Creating stack",
            Doing::ChangingStack(A::Update) => "Updating stack",
            Doing::ChangingStack(A::Import) => "Importing into stack",
            Doing::ChangingStack(A::Delete) => "Deleting stack",
            Doing::ChangedStack(A::Create) => "Stack created",
            Doing::ChangedStack(A::Update) => "Stack updated",
            Doing::ChangedStack(A::Import) => "Stack imported into",
            Doing::ChangedStack(A::Delete) => "Stack deleted",
            Doing::FailedStack(A::Create) => "Stack not created: it failed and was left as it is",
            Doing::FailedStack(A::Update) => "Stack not updated: it failed and was left as it is",
            Doing::FailedStack(A::Import) => "Stack not imported into: it failed and was left as it is",
            Doing::FailedStack(A::Delete) => "Stack not deleted: it failed and was left as it is",
            Doing::CleaningUp => "Cleaning up after the update",
            Doing::RollingBack => "Rolling back",
            Doing::RolledBack => "Rolled back: the change failed and was undone",
            Doing::RollbackFailed => "Rollback failed: the stack needs a person",
            Doing::Finishing => "Finishing: the stack is up to date",
        }
    }
}

impl From<Doing> for Hint {
    fn from(doing: Doing) -> Self {
        doing.at(HowFar::Unsaid)
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.doing.as_str())?;
        match &self.how_far {
            HowFar::Unsaid => Ok(()),
            HowFar::Phase(phase) => write!(f, ": {phase} phase"),
            HowFar::Files(done, total) => write!(f, ": {done} of {total} files"),
            HowFar::Resources(done, 1) => write!(f, ": {done} of 1 resource"),
            HowFar::Resources(done, total) => write!(f, ": {done} of {total} resources"),
        }
    }
}
