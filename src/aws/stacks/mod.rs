//! CloudFormation in the account of a stack: change sets, their execution, and the state of the stack.

mod account;
mod convert;

pub use account::{ChangeSetOrder, Stack, StackAccount, Stacks};
