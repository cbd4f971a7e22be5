//! A proxy before an S3 endpoint that does it harm by rule: refuses, resets, cuts, delays, or holds what passes.
//!
//! The signature of a request covers its `Host`, so the client's own is passed on as it came.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use globset::{Glob, GlobMatcher};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

type Body = BoxBody<Bytes, io::Error>;

/// What happens to a request that a rule meets.
#[derive(Clone)]
pub enum Fault {
    /// An answer of the proxy's own in S3's form; nothing is forwarded.
    Answer(u16, &'static str),
    /// The connection is reset before anything is forwarded.
    ResetBefore,
    /// The endpoint does what was asked, and the connection is reset instead of its answer.
    ResetAfter,
    /// The answer ends in the middle of its body.
    CutAnswer,
    /// Forwarded a while later.
    Delay(Duration),
    /// Forwarded, and answered with another checksum: as a storage does that knows no other of what came in parts.
    SayChecksum(String),
    /// Forwarded once the gate is open; what leaves before that is never forwarded.
    Hold(CancellationToken),
}

impl Fault {
    pub const INTERNAL_ERROR: Fault = Fault::Answer(500, "InternalError");
    pub const SLOW_DOWN: Fault = Fault::Answer(503, "SlowDown");
    pub const ACCESS_DENIED: Fault = Fault::Answer(403, "AccessDenied");
    pub const EXPIRED_TOKEN: Fault = Fault::Answer(400, "ExpiredToken");
    pub const BAD_DIGEST: Fault = Fault::Answer(400, "BadDigest");
    pub const NO_SUCH_BUCKET: Fault = Fault::Answer(404, "NoSuchBucket");
    pub const OTHER_REGION: Fault = Fault::Answer(301, "PermanentRedirect");
}

/// Which requests a fault happens to. Counts those it has met.
pub struct Rule {
    method: Method,
    bucket: String,
    key: GlobMatcher,
    times: usize,
    fault: Fault,
    met: AtomicUsize,
}

impl Rule {
    /// How many requests have met the fault.
    pub fn hits(&self) -> usize {
        self.met.load(Ordering::SeqCst).min(self.times)
    }
}

/// A request that came to the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: Method,
    pub bucket: String,
    /// Empty for a request about the bucket itself, such as a listing.
    pub key: String,
}

/// The proxy; it ends with this value.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

struct Shared {
    upstream: SocketAddr,
    rules: Mutex<Vec<Arc<Rule>>>,
    seen: Mutex<Vec<Seen>>,
}

impl FaultProxy {
    pub async fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port");
        let shared = Arc::new(Shared { upstream, rules: Mutex::default(), seen: Mutex::default() });
        let stop = CancellationToken::new();
        let (state, stopped) = (shared.clone(), stop.clone());
        tokio::spawn(async move {
            while let Some(Ok((stream, _))) = stopped.run_until_cancelled(listener.accept()).await {
                tokio::spawn(stopped.clone().run_until_cancelled_owned(serve(stream, state.clone())));
            }
        });
        Self { address, shared, stop }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the fault happens to every such request. In the pattern of the key `*` stands for anything.
    pub fn always(&self, method: Method, bucket: &str, key: &str, fault: Fault) -> Arc<Rule> {
        self.first(usize::MAX, method, bucket, key, fault)
    }

    /// From now on the fault happens to so many such requests. Of several rules the first that still acts counts.
    pub fn first(&self, times: usize, method: Method, bucket: &str, key: &str, fault: Fault) -> Arc<Rule> {
        let key = Glob::new(key).expect("a pattern").compile_matcher();
        let rule = Rule { method, bucket: bucket.to_owned(), key, times, fault, met: AtomicUsize::new(0) };
        let rule = Arc::new(rule);
        lock(&self.shared.rules).push(rule.clone());
        rule
    }

    /// No harm any more.
    pub fn heal(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Every request since the last [`FaultProxy::forget`], in the order of arrival, those that met a fault too.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// The keys of one kind of request to a bucket, in the order of arrival.
    pub fn keys(&self, method: Method, bucket: &str) -> Vec<String> {
        let seen = self.seen().into_iter();
        seen.filter(|seen| seen.method == method && seen.bucket == bucket).map(|seen| seen.key).collect()
    }

    /// Forgets what came so far.
    pub fn forget(&self) {
        lock(&self.shared.seen).clear();
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    fn fault(&self, seen: &Seen) -> Option<Fault> {
        let rules = lock(&self.rules);
        let meets = |rule: &&Arc<Rule>| {
            rule.method == seen.method
                && rule.bucket == seen.bucket
                && rule.key.is_match(&seen.key)
                && rule.met.fetch_add(1, Ordering::SeqCst) < rule.times
        };
        rules.iter().find(meets).map(|rule| rule.fault.clone())
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // A second handle on the socket, through which a rule makes its end a reset.
    let Some((stream, second)) = twice(stream) else { return };
    let service = service_fn(|request| answer(request, &shared, &second));
    // An error is what a rule wanted, or a client that has left.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

fn twice(stream: TcpStream) -> Option<(TcpStream, TcpStream)> {
    stream.set_nodelay(true).ok()?;
    let stream = stream.into_std().ok()?;
    let second = stream.try_clone().ok()?;
    Some((TcpStream::from_std(stream).ok()?, TcpStream::from_std(second).ok()?))
}

async fn answer(request: Request<Incoming>, shared: &Shared, socket: &TcpStream) -> io::Result<Response<Body>> {
    let seen = what(&request);
    let fault = shared.fault(&seen);
    lock(&shared.seen).push(seen.clone());
    match fault {
        None => forward(request, shared.upstream).await,
        Some(Fault::Answer(status, code)) => {
            // Read to its end, so that the client reads the answer and not a broken pipe.
            drop(request.into_body().collect().await);
            Ok(refusal(status, code, &seen, shared.upstream))
        }
        Some(Fault::ResetBefore) => {
            drop(request.into_body().collect().await);
            Err(reset(socket))
        }
        Some(Fault::ResetAfter) => {
            drop(forward(request, shared.upstream).await?.into_body().collect().await);
            Err(reset(socket))
        }
        Some(Fault::CutAnswer) => cut(forward(request, shared.upstream).await?, socket).await,
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            forward(request, shared.upstream).await
        }
        Some(Fault::SayChecksum(checksum)) => {
            let mut answer = forward(request, shared.upstream).await?;
            answer.headers_mut().insert("x-amz-checksum-sha256", checksum.parse().expect("a header"));
            Ok(answer)
        }
        Some(Fault::Hold(gate)) => {
            gate.cancelled().await;
            forward(request, shared.upstream).await
        }
    }
}

fn what(request: &Request<Incoming>) -> Seen {
    let path = request.uri().path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy().into_owned();
    Seen { method: request.method().clone(), bucket: bucket.to_owned(), key }
}

async fn forward(request: Request<Incoming>, upstream: SocketAddr) -> io::Result<Response<Body>> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // Ends with the answer, or with the request when its client leaves.
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    Ok(answer.map(|body| body.map_err(io::Error::other).boxed()))
}

/// Says more than S3 does, so that a test notices when any of it reaches a user.
fn refusal(status: u16, code: &str, seen: &Seen, upstream: SocketAddr) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>raw words of {upstream}</Message>\
         <Resource>/{}/{}</Resource><Endpoint>raw.example.com:1234</Endpoint><RequestId>4442587FB7D0A2F9</RequestId>\
         </Error>",
        seen.bucket, seen.key
    );
    let mut answer = Response::new(Full::from(text).map_err(|never: Infallible| match never {}).boxed());
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    answer.headers_mut().insert("content-type", "application/xml".parse().expect("a header"));
    answer
}

/// Makes the end of the connection a reset; the error ends it.
fn reset(socket: &TcpStream) -> io::Error {
    drop(socket.set_zero_linger());
    io::ErrorKind::ConnectionReset.into()
}

/// The head as it was, half of the body, and a reset.
async fn cut(answer: Response<Body>, socket: &TcpStream) -> io::Result<Response<Body>> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    let half = body.slice(..body.len() / 2);
    let error = reset(socket);
    let end = async move {
        // What was said so far is on its way before the end comes.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Err(error)
    };
    let frames = futures::stream::iter([Ok(Frame::data(half))]).chain(futures::stream::once(end));
    Ok(Response::from_parts(head, BoxBody::new(StreamBody::new(frames))))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
