//! The Amazon States Language, without I/O: what a file says, and what follows from an event.

pub mod choice;
pub mod context;
pub mod definition;
pub mod execution;
pub mod fields;
pub mod interpreter;
pub mod parse;
pub mod paths;
pub mod retry;

pub use definition::Definition;
pub use execution::{Ending, Execution, Position};
pub use fields::Refusal;
pub use interpreter::{Clock, Event, IllegalEvent, advance};
