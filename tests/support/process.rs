//! Running a program to its end, with a deadline.
//!
//! `std::process` rather than tokio's: a wait with a deadline, off the async threads, is all that is needed.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::groups::assert_may_use;

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A command that sees nothing of the surrounding environment but `PATH`, and `home` as its home.
pub fn isolated(program: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).env("TMPDIR", home).current_dir(home);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    // Coverage tools tell instrumented programs here where to write.
    if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
        command.env("LLVM_PROFILE_FILE", profile);
    }
    command
}

/// Runs a program of the machine to its end, with `home` as its home and working folder.
pub async fn run_program(name: &str, home: &Path, arguments: &[&str], stdin: &[u8]) -> Finished {
    assert_may_use(name, &["clients", "emulator"]);
    let mut command = isolated(name, home);
    command.args(arguments);
    run(command, stdin.to_vec(), Duration::from_secs(30)).await
}

/// Runs `command` to its end, feeding it `stdin`, off the async threads.
///
/// # Panics
/// When it cannot be started or has not ended by `deadline`; it is killed then, and what it printed is shown.
pub async fn run(command: Command, stdin: Vec<u8>, deadline: Duration) -> Finished {
    tokio::task::spawn_blocking(move || run_blocking(command, stdin, deadline))
        .await
        .unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()))
}

fn run_blocking(mut command: Command, stdin: Vec<u8>, deadline: Duration) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let stdout = drain(child.stdout.take().expect("stdout is piped"));
    let stderr = drain(child.stderr.take().expect("stderr is piped"));
    let mut input = child.stdin.take().expect("stdin is piped");
    // A program may end without reading; then the pipe is broken, which is its good right.
    let feeder = std::thread::spawn(move || drop(input.write_all(&stdin)));

    let status = wait_or_kill(&mut child, deadline);
    let finished = Finished {
        code: status.and_then(|status| status.code()),
        stdout: stdout.join().expect("stdout is read"),
        stderr: stderr.join().expect("stderr is read"),
    };
    feeder.join().expect("stdin is fed");
    assert!(status.is_some(), "{command:?} did not end within {deadline:?}: {finished:#?}");
    finished
}

/// Waits for the end of `child`; `None` when it had to be killed.
pub fn wait_or_kill(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            return Some(status);
        }
        if start.elapsed() > deadline {
            // It may have ended in this very moment; both calls are right in either case.
            drop(child.kill());
            drop(child.wait());
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
