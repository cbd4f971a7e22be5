use super::*;
use crate::cli::frontend::hash::hash_all;
use crate::cli::frontend::walk::walk;
use serde_json::Value;
use std::sync::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// As many attempts as in earnest, without the waits.
const PACE: [Duration; BACKOFF.len()] = [Duration::ZERO; BACKOFF.len()];

/// A storage that keeps what it gets and answers by script; when the script is over it accepts.
struct Storage {
    base: String,
    script: Mutex<Vec<(u16, &'static str)>>,
    received: Mutex<Vec<Received>>,
}

struct Received {
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Storage {
    async fn start(script: &[(u16, &'static str)]) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let storage = Arc::new(Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            script: Mutex::new(script.iter().rev().copied().collect()),
            received: Mutex::default(),
        });
        let shared = storage.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(shared.clone().serve(stream));
            }
        });
        storage
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(received) = read_request(&mut stream).await {
            self.received.lock().unwrap().push(received);
            let (status, code) = self.script.lock().unwrap().pop().unwrap_or((200, ""));
            let body = format!("<Error><Code>{code}</Code></Error>");
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn issued(&self, files: &[HashedFile]) -> Vec<Issued> {
        files
            .iter()
            .map(|file| Issued {
                filename: file.source.path.to_string(),
                presigned_url: format!("{}/{}?X-Amz-Signature=secret", self.base, file.source.path),
                headers: BTreeMap::from([
                    ("Host".into(), "ignored".into()),
                    ("x-amz-checksum-sha256".into(), file.sha256.to_base64()),
                ]),
            })
            .collect()
    }

    fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.received.lock().unwrap().iter().map(|r| r.path.clone()).collect();
        paths.sort();
        paths
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut lines = vec![];
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let path = lines[0].strip_prefix("PUT /")?.split('?').next()?.to_owned();
    let headers: HashMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { path, headers, body })
}

fn site(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Vec<HashedFile>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files.iter().chain([&("index.html", b"page".as_slice())]) {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    let hashed = hash_all(walk(dir.path()).unwrap(), |_| {}).unwrap();
    (dir, hashed)
}

async fn upload(storage: &Storage, files: &[HashedFile], skipped: &[&str]) -> Result<Sent, CliError> {
    let skipped = skipped.iter().map(|name| (*name).to_owned()).collect();
    upload_at_pace(files, storage.issued(files), &skipped, |_| ProgressBar::hidden(), &PACE).await
}

#[tokio::test]
async fn sends_bytes_length_and_the_given_headers() {
    let big = vec![7u8; PIECE * 3 + 1];
    let (_dir, files) = site(&[("big.dat", &big), ("empty.txt", b"")]);
    let storage = Storage::start(&[]).await;
    let sent = upload(&storage, &files, &[]).await.unwrap();
    assert_eq!(sent, Sent { files: 3, bytes: big.len() as u64 + 4 });
    for received in storage.received.lock().unwrap().iter() {
        let file = files.iter().find(|file| file.source.path.as_str() == received.path).unwrap();
        assert_eq!(Sha256::of(&received.body), file.sha256, "{}", received.path);
        assert_eq!(received.headers["x-amz-checksum-sha256"], file.sha256.to_base64());
        assert_ne!(received.headers["host"], "ignored");
    }
}

#[tokio::test]
async fn what_is_stored_or_the_same_is_not_sent() {
    let (_dir, files) = site(&[("a.txt", b"same"), ("b.txt", b"same"), ("c.txt", b"stored")]);
    let storage = Storage::start(&[]).await;
    assert_eq!(upload(&storage, &files, &["c.txt"]).await.unwrap(), Sent { files: 2, bytes: 8 });
    assert_eq!(storage.paths(), ["a.txt", "index.html"]);
}

#[tokio::test]
async fn nothing_to_send_opens_no_connection() {
    let (_dir, files) = site(&[]);
    let storage = Storage::start(&[]).await;
    assert_eq!(upload(&storage, &files, &["index.html"]).await.unwrap(), Sent::default());
    assert!(storage.paths().is_empty());
}

#[tokio::test]
async fn passing_failures_are_tried_again() {
    let (_dir, files) = site(&[]);
    let storage = Storage::start(&[(503, "SlowDown"), (500, "InternalError")]).await;
    upload(&storage, &files, &[]).await.unwrap();
    assert_eq!(storage.paths().len(), 3);
}

#[tokio::test]
async fn a_failure_that_stays_is_named_without_the_address() {
    let (_dir, files) = site(&[]);
    let storage = Storage::start(&[(500, "InternalError"); 4]).await;
    let error = upload(&storage, &files, &[]).await.unwrap_err();
    assert_eq!(error.message, "'index.html' could not be uploaded: storage answered InternalError.");
    assert!(!serde_json::to_string(&error).unwrap().contains("Signature"));
    assert_eq!(storage.paths().len(), 4);
}

#[tokio::test]
async fn bytes_that_are_not_the_hashed_ones_stop_everything() {
    let (_dir, files) = site(&[]);
    let storage = Storage::start(&[(400, "BadDigest")]).await;
    let error = upload(&storage, &files, &[]).await.unwrap_err();
    assert_eq!(error.message, "'index.html' changed while it was uploaded.");
    assert_eq!(error.exit, Exit::Failed);
    assert_eq!(storage.paths().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_another_by_now_is_not_sent() {
    let (dir, files) = site(&[]);
    std::fs::write(dir.path().join("index.html"), "another page").unwrap();
    let storage = Storage::start(&[]).await;
    let error = upload(&storage, &files, &[]).await.unwrap_err();
    assert_eq!(error.message, "'index.html' changed while it was uploaded.");
    assert!(storage.paths().is_empty());
}

#[tokio::test]
async fn refusals_say_why() {
    for (status, code, expected) in [
        (403, "AccessDenied", "Storage refused the upload address"),
        (507, "", "could not be uploaded"),
        (413, "EntityTooLarge", "Storage refused 'index.html': EntityTooLarge."),
    ] {
        let (_dir, files) = site(&[]);
        let storage = Storage::start(&[(status, code); 4]).await;
        let error = upload(&storage, &files, &[]).await.unwrap_err();
        assert!(error.message.contains(expected), "{error}");
        assert!(error.details.get("http_status").is_none_or(Value::is_number));
    }
}

#[tokio::test]
async fn a_storage_that_is_not_there_is_said() {
    let (_dir, files) = site(&[]);
    let storage = Storage::start(&[]).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut issued = storage.issued(&files);
    issued[0].presigned_url = format!("http://{gone}/x");
    let error = upload_at_pace(&files, issued, &HashSet::new(), |_| ProgressBar::hidden(), &PACE).await.unwrap_err();
    assert!(error.message.starts_with("'index.html' could not be uploaded: "), "{error}");
}

#[test]
fn error_codes_are_read_from_documents_only() {
    assert_eq!(error_code("<?xml?><Error><Code>NoSuchKey</Code></Error>").as_deref(), Some("NoSuchKey"));
    assert_eq!(error_code("<Code>\u{1b}[2J</Code>"), None);
    assert_eq!(error_code("oops"), None);
}
