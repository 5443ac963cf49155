//! A small HTTP server on loopback that can misbehave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request as the handler sees it: header names are lowercase.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
}

impl Request {
    /// First byte of a `Range: bytes=START-` or `bytes=START-END` header.
    pub(super) fn offset(&self) -> Option<usize> {
        let range = self.headers.get("range")?.strip_prefix("bytes=")?;
        range.split('-').next()?.parse().ok()
    }
}

/// An answer; `Content-Length` is that of the whole body even if it is cut.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Closes the connection after so many bytes of the body.
    pub(super) cut: Option<usize>,
}

impl Answer {
    pub(super) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// The whole content, or from the requested offset on.
    pub(super) fn content(request: &Request, content: &[u8], tag: &str) -> Self {
        let mut headers = vec![("ETag", tag.to_owned()), ("Accept-Ranges", "bytes".into())];
        let fresh = request.headers.get("if-range").is_none_or(|wanted| wanted == tag);
        match request.offset().filter(|_| fresh) {
            Some(offset) if offset >= content.len() => {
                headers.push(("Content-Range", format!("bytes */{}", content.len())));
                Self { status: 416, headers, ..Self::default() }
            }
            Some(offset) => {
                let range = format!("bytes {offset}-{}/{}", content.len() - 1, content.len());
                headers.push(("Content-Range", range));
                Self { status: 206, headers, body: content[offset..].to_vec(), cut: None }
            }
            None => Self { status: 200, headers, body: content.to_vec(), cut: None },
        }
    }

    pub(super) fn cut(self, after: usize) -> Self {
        Self { cut: Some(after), ..self }
    }
}

type Handler = dyn Fn(&Request, usize) -> Answer + Send + Sync;

/// Runs until dropped with the test's runtime.
pub(super) struct Server {
    address: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts; the handler gets the request and its number from 0.
    pub(super) async fn start(handler: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (handler, log): (Arc<Handler>, _) = (Arc::new(handler), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&log)));
            }
        });
        Self { address, seen }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

/// One request for each connection.
async fn serve(stream: TcpStream, handler: Arc<Handler>, log: Arc<Mutex<Vec<Request>>>) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream).await else {
        return;
    };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    let answer = handler(&request, number);
    let mut text = format!("HTTP/1.1 {} Status\r\n", answer.status);
    for (name, value) in &answer.headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !answer.headers.iter().any(|(name, _)| *name == "Content-Length") {
        text += &format!("Content-Length: {}\r\n", answer.body.len());
    }
    text += "Connection: close\r\n\r\n";
    let body = if request.method == "HEAD" { &[] } else { answer.body.as_slice() };
    let body = &body[..answer.cut.unwrap_or(body.len()).min(body.len())];
    // The other side may hang up first: that is its right.
    let _ = stream.get_mut().write_all(text.as_bytes()).await;
    let _ = stream.get_mut().write_all(body).await;
    let _ = stream.get_mut().shutdown().await;
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok()?;
    let mut words = first.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    Some(Request { method, path, headers })
}
