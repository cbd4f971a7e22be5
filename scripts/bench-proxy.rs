//! A proxy for `scripts/bench`: every answer arrives a while later, and requests are counted by bucket and kind.
//!
//! `bench-proxy PORT MILLISECONDS` forwards to a port of this machine. It prints its own port; for each line on standard
//! input it prints the counts since the line before, as JSON, and it ends with standard input.
//!
//! Bytes pass as they come; what the far side says waits in line until its time has come, so the delay costs
//! latency and no throughput.

#![allow(clippy::print_stdout)] // How it speaks to scripts/bench.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;
/// Pieces that wait for their time, on one connection.
const WAITING: usize = 256;
/// The largest head of a request.
const MAX_HEAD: usize = 64 * 1024;

/// How many requests of each kind each bucket had.
type Counts = Arc<Mutex<BTreeMap<String, BTreeMap<String, u64>>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let number = |index: usize| env::args().nth(index).and_then(|text| text.parse::<u64>().ok());
    let (Some(port), Some(delay)) = (number(1).and_then(|port| u16::try_from(port).ok()), number(2)) else {
        return Err(io::Error::other("usage: bench-proxy PORT MILLISECONDS"));
    };
    let upstream = SocketAddr::from(([127, 0, 0, 1], port));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let counts = Counts::default();
    let told = counts.clone();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if line.is_err() {
                break;
            }
            let since = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
            println!("{}", serde_json::json!(since));
        }
        std::process::exit(0);
    });
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(connect(client, upstream, Duration::from_millis(delay), counts.clone()));
    }
}

async fn connect(client: TcpStream, upstream: SocketAddr, delay: Duration, counts: Counts) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::spawn(requests(from_client, to_server, counts));
    let (put, take) = mpsc::channel(WAITING);
    tokio::spawn(late(take, to_client));
    answers(from_server, put, delay).await
}

async fn requests(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, counts: Counts) -> io::Result<()> {
    let mut requests = Requests::default();
    let mut piece = vec![0; PIECE];
    loop {
        let read = client.read(&mut piece).await?;
        if read == 0 {
            return server.shutdown().await;
        }
        requests.pass(&piece[..read], &counts);
        server.write_all(&piece[..read]).await?;
    }
}

async fn answers(mut server: OwnedReadHalf, line: mpsc::Sender<(Instant, Bytes)>, delay: Duration) -> io::Result<()> {
    let mut piece = BytesMut::with_capacity(PIECE);
    while server.read_buf(&mut piece).await? > 0 {
        if line.send((Instant::now() + delay, piece.split().freeze())).await.is_err() {
            break;
        }
        piece.reserve(PIECE);
    }
    Ok(())
}

async fn late(mut line: mpsc::Receiver<(Instant, Bytes)>, mut client: OwnedWriteHalf) -> io::Result<()> {
    while let Some((time, piece)) = line.recv().await {
        tokio::time::sleep_until(time).await;
        client.write_all(&piece).await?;
    }
    client.shutdown().await
}

/// Finds the heads of requests in what a client sends.
#[derive(Default)]
struct Requests {
    head: Vec<u8>,
    /// Bytes of the body that are still to come.
    body: u64,
}

impl Requests {
    fn pass(&mut self, mut bytes: &[u8], counts: &Counts) {
        while !bytes.is_empty() {
            if self.body > 0 {
                let skipped = usize::try_from(self.body).unwrap_or(usize::MAX).min(bytes.len());
                self.body -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            let before = self.head.len();
            self.head.extend_from_slice(bytes);
            let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) else {
                // Not HTTP as it is known here; it is passed on all the same.
                self.head.truncate(MAX_HEAD);
                return;
            };
            bytes = &bytes[end - before..];
            let head = String::from_utf8_lossy(&self.head[..end]).into_owned();
            self.head.clear();
            self.body = count(&head, counts);
        }
    }
}

/// Counts a request; the length of its body.
fn count(head: &str, counts: &Counts) -> u64 {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let kind = match (method, key) {
        ("GET", "") if query.contains("location") => "LOCATION",
        ("GET", "") => "LIST",
        ("PUT", "") => "CREATE",
        _ => method,
    };
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    *counts.entry(bucket.to_owned()).or_default().entry(kind.to_owned()).or_default() += 1;
    lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse().ok())
        .unwrap_or(0)
}
