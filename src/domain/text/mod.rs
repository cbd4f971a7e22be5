//! Text for people: one rendering of sizes, durations, counts and times, and of text that others wrote. The command
//! line, the web pages, the messages and the tools' sentences all use it, so one number reads the same everywhere.

mod count;
mod duration;
mod size;
mod time;
mod untrusted;

pub use count::{count, number};
pub use duration::{Unit, duration, parts};
pub use size::size;
pub use time::{absolute, ago, remaining};
pub use untrusted::{Class, classify, visible, visible_lines};
