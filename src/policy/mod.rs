//! Pure rules about who and what may go ahead. No I/O.

pub mod decision;
