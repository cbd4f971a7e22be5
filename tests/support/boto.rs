//! boto3, an AWS client nobody here wrote, kept running for a test.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::process;
use super::python::python_tool;

/// What AWS refused.
#[derive(Debug)]
pub struct Refusal {
    pub code: String,
    pub message: String,
}

/// A running `tests/support/aws.py`.
#[derive(Clone)]
pub struct Boto(Arc<Mutex<Running>>);

struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Boto {
    /// Speaks to `endpoint`; `home` is its home and working folder.
    pub fn start(endpoint: &str, home: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/aws.py");
        let mut child = process::isolated(python_tool("emulator", "python"), home)
            .arg(script)
            .arg(endpoint)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("python starts");
        let input = child.stdin.take().expect("stdin is piped");
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self(Arc::new(Mutex::new(Running { child, input, output })))
    }

    /// One call, as boto3 names it; bytes in the answer are base64.
    pub async fn try_call(&self, service: &str, operation: &str, arguments: Value) -> Result<Value, Refusal> {
        let line = json!({ "service": service, "operation": operation, "arguments": arguments }).to_string();
        let running = self.0.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let mut running = running.lock().expect("no call panicked");
            writeln!(running.input, "{line}").expect("python takes the call");
            let mut answer = String::new();
            running.output.read_line(&mut answer).expect("python answers");
            answer
        });
        let answer = asked.await.expect("the call does not panic");
        let answer: Value = serde_json::from_str(&answer)
            .unwrap_or_else(|_| panic!("{service}.{operation}: python ended, or said: {answer:?}"));
        match answer.get("error") {
            None => Ok(answer["ok"].clone()),
            Some(error) => Err(Refusal {
                code: error["code"].as_str().unwrap_or_default().to_owned(),
                message: error["message"].as_str().unwrap_or_default().to_owned(),
            }),
        }
    }

    /// A call that must succeed.
    pub async fn call(&self, service: &str, operation: &str, arguments: Value) -> Value {
        self.try_call(service, operation, arguments).await.unwrap_or_else(|refusal| {
            panic!("{service}.{operation}: {} ({})", refusal.message, refusal.code);
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
