//! The local workflow engine: the interpreter by itself, the engine on real records, and both against another engine.

mod durability;
mod equivalence;
mod interpreter;
mod outages;
mod refusals;
mod resume;
mod script;
mod simulator;
mod timers;
mod tour;
mod world;
