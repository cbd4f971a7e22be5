//! The program `bouncer`: the command line decides what runs, the outcome becomes the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    bouncer::cli::main()
}
