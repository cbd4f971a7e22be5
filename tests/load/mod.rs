//! Many callers at once, large bodies, and callers that never finish a sentence.

mod bodies;
mod crowd;
mod full;
mod slow;

use crate::support::Server;

/// The most memory that the server has held so far, in MB.
fn peak_memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel counts it");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib / 1024
}

/// HOST:PORT
fn authority(server: &Server) -> &str {
    server.url().trim_start_matches("http://")
}
