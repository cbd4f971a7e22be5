//! The command line in a terminal: it asks, and it shows colours.

use crate::support::{Cli, Server};

const ESCAPE: char = '\u{1b}';

#[tokio::test]
async fn the_demo_does_what_is_typed() {
    let home = tempfile::tempdir().unwrap();
    let demo = Cli::new(home.path(), &["demo"]).run_in_terminal("y,YES").await;
    assert_eq!(demo.code, Some(0), "{}", demo.stdout);
    assert_eq!(demo.stdout.matches("Approve? [y/N] ").count(), 2, "{}", demo.stdout);
    assert!(demo.stdout.contains("2 of 9 files written"), "{}", demo.stdout);

    let demo = Cli::new(home.path(), &["demo"]).run_in_terminal("y,no").await;
    assert_eq!(demo.code, Some(3), "{}", demo.stdout);
    assert!(demo.stdout.contains("Denied, with the approver's key."), "{}", demo.stdout);
    assert!(!demo.stdout.contains("2 of 9 files written"), "{}", demo.stdout);
}

#[tokio::test]
async fn colours_are_for_terminals_that_want_them() {
    let server = Server::start().await;
    let shown = Cli::on(&server, &["doctor"]).run_in_terminal("").await;
    assert_eq!(shown.code, Some(0), "{}", shown.stdout);
    assert!(shown.stdout.contains(ESCAPE), "a terminal gets colours: {}", shown.stdout);

    let wishes = [
        Cli::on(&server, &["doctor"]).env("NO_COLOR", "1"),
        Cli::on(&server, &["doctor", "--no-color"]),
        Cli::on(&server, &["doctor"]).env("TERM", "dumb"),
    ];
    for wish in wishes {
        let plain = wish.run_in_terminal("").await;
        assert_eq!(plain.code, Some(0), "{}", plain.stdout);
        assert!(plain.stdout.contains("server") && !plain.stdout.contains(ESCAPE), "{:?}", plain.stdout);
    }
    let piped = Cli::on(&server, &["doctor"]).run().await;
    assert!(!piped.stdout.contains(ESCAPE), "{:?}", piped.stdout);
}
