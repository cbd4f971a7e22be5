//! `bouncer deploy logs`: the log of a backend's build, and on wish what comes until the build ends.

use crate::cli::client::Client;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Answer, visible};
use crate::cli::watch;
use crate::cli::watch::{AWAY, Patience};
use crate::domain::error::ErrorCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer deploy logs deploy-0123456789abcdef
  bouncer deploy logs deploy-0123456789abcdef -f
  bouncer deploy logs deploy-0123456789abcdef --json | jq -r .at

With --json each line of the log is an object on a line of its own.";

/// Between two looks at a log that grows.
const PAUSE: Duration = Duration::from_secs(2);
/// How often a log that has not grown is looked at after its build has ended: lines arrive a little late.
const LAST_LOOKS: u32 = 2;
/// The width of a tab in a log.
const TAB: &str = "    ";

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct LogsArgs {
    /// The deploy (deploy-…) or its request (req-…)
    id: String,
    /// Go on until the build has ended; Ctrl-C leaves the deploy alone
    #[arg(long, short)]
    follow: bool,
}

/// Runs the command.
pub async fn run(context: &Context, client: &Client, args: LogsArgs) -> Result<Exit, CliError> {
    let deploy = watch::deploy_of(client, &args.id).await?;
    tokio::select! {
        outcome = print(context, client, &deploy, args.follow) => outcome.map(|()| Exit::Done),
        _ = tokio::signal::ctrl_c() => Err(stopped(&deploy)),
    }
}

fn stopped(deploy: &str) -> CliError {
    let sentence = format!("Stopped reading; {deploy} goes on without this command.");
    CliError::new(Exit::Unfinished, ErrorCode::UpstreamError, sentence)
        .hint(format!("Come back with `bouncer deploy logs {deploy} -f`."))
        .with("deploy_id", json!(deploy))
}

async fn print(context: &Context, client: &Client, deploy: &str, follow: bool) -> Result<(), CliError> {
    let mut reader = Reader::default();
    let mut patience = Patience::default();
    let mut waits = false;
    loop {
        let page = match client.call("bouncer_deploy_logs", &reader.arguments(deploy)).await {
            Ok(page) => page,
            Err(error) if follow => {
                if patience.bear(error)? {
                    context.progress.note(AWAY);
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        patience.restore();
        if !context.printer.write(&text(&page, context.printer.json))? {
            return Ok(());
        }
        match (reader.read(&page.view), follow) {
            (Next::More, _) => {}
            (Next::End, _) | (Next::Later, false) => break,
            (Next::Later, true) => {
                if !waits && reader.lines == 0 && !page.view.complete {
                    context.progress.note("The build has not written anything yet.");
                    waits = true;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    if reader.lines == 0 {
        context.progress.note("There is no log of a build.");
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    lines: Vec<Line>,
    next: Option<String>,
    #[serde(default)]
    complete: bool,
}

#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    text: String,
}

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Ask for the next one at once.
    More,
    /// There is nothing more now.
    Later,
    /// There will be nothing more.
    End,
}

/// Where reading is.
#[derive(Debug, Default)]
struct Reader {
    next: Option<String>,
    lines: usize,
    last_looks: u32,
}

impl Reader {
    fn arguments(&self, deploy: &str) -> Value {
        match &self.next {
            Some(next) => json!({ "deploy_id": deploy, "next": next }),
            None => json!({ "deploy_id": deploy }),
        }
    }

    /// A log's end is where the place to go on from stays the same; a page may be empty before.
    fn read(&mut self, page: &Page) -> Next {
        self.lines += page.lines.len();
        let is_further = page.next.is_some() && page.next != self.next;
        if page.next.is_some() {
            self.next.clone_from(&page.next);
        }
        if is_further {
            self.last_looks = 0;
            return Next::More;
        }
        if !page.complete {
            return Next::Later;
        }
        self.last_looks += 1;
        if self.last_looks > LAST_LOOKS || page.next.is_none() { Next::End } else { Next::Later }
    }
}

fn text(page: &Answer<Page>, json: bool) -> String {
    if json {
        let lines = page.raw["lines"].as_array().into_iter().flatten();
        return lines.map(|line| format!("{line}\n")).collect();
    }
    page.view.lines.iter().map(|line| format!("{}\n", readable(&line.text))).collect()
}

/// A line of a log without its colours, safe to print. What else would steer a terminal is shown: it may hide something.
fn readable(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').strip_prefix('m') {
            Some(rest) => text.push_str(rest),
            None => text.extend(["\u{1b}[", part]),
        }
    }
    visible(&text.replace('\t', TAB))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: &[&str], next: Option<&str>, complete: bool) -> Answer<Page> {
        let lines: Vec<Value> =
            lines.iter().map(|text| json!({"at": "2026-01-02T03:04:05.000Z", "text": text})).collect();
        let raw = json!({"deploy_id": "deploy-0123456789abcdef", "lines": lines, "next": next, "complete": complete});
        Answer { view: serde_json::from_value(raw.clone()).unwrap(), raw }
    }

    #[test]
    fn a_log_is_read_to_its_end() {
        let mut reader = Reader::default();
        assert_eq!(reader.arguments("d"), json!({"deploy_id": "d"}));
        assert_eq!(reader.read(&page(&[], None, false).view), Next::Later, "the build has not begun");
        assert_eq!(reader.read(&page(&["a", "b"], Some("1"), false).view), Next::More);
        assert_eq!(reader.read(&page(&[], Some("2"), false).view), Next::More, "an empty page is no end");
        assert_eq!(reader.arguments("d"), json!({"deploy_id": "d", "next": "2"}));
        assert_eq!(reader.read(&page(&[], Some("2"), false).view), Next::Later);
        assert_eq!(reader.read(&page(&[], Some("2"), true).view), Next::Later, "lines arrive late");
        assert_eq!(reader.read(&page(&["c"], Some("3"), true).view), Next::More);
        for _ in 0..LAST_LOOKS {
            assert_eq!(reader.read(&page(&[], Some("3"), true).view), Next::Later);
        }
        assert_eq!(reader.read(&page(&[], Some("3"), true).view), Next::End);
        assert_eq!(reader.lines, 3);
    }

    #[test]
    fn without_a_log_there_is_an_end_too() {
        assert_eq!(Reader::default().read(&page(&[], None, true).view), Next::End);
    }

    #[test]
    fn lines_lose_their_colours_and_keep_their_tricks_visible() {
        let page = page(&["\u{1b}[1;31mError\u{1b}[m:\tno \u{202e}file\u{1b}[2J", "a\rb\u{8}"], Some("1"), true);
        assert_eq!(text(&page, false), "Error:    no \\u{202e}file\\u{1b}[2J\na\\rb\\u{8}\n");
        let lines: Vec<Value> = text(&page, true).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], json!({"at": "2026-01-02T03:04:05.000Z", "text": "a\rb\u{8}"}));
    }
}
