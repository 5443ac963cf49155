//! An HTTP server on loopback that misbehaves on demand. For tests alone.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

/// A request as the handler sees it; header names are in lower case.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// Such as `/v1/models`.
    pub path: String,
    /// Headers by name.
    pub headers: BTreeMap<String, String>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// The text of the last message of a chat request.
    pub fn question(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let last = body["messages"].as_array().and_then(|messages| messages.last());
        last.and_then(|message| message["content"].as_str()).unwrap_or_default().to_owned()
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A whole answer.
    Whole {
        /// The HTTP status.
        status: u16,
        /// Further headers.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Promises a body, sends this much of it, and closes the connection.
    Cut(Vec<u8>),
    /// Sends a body without end, until the other side has enough.
    Endless,
    /// Says nothing until the other side leaves.
    Silent,
}

impl Answer {
    /// A status with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Whole { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    /// A chat completion with this text, for so many tokens read and written.
    pub fn chat(text: &str, prompt_tokens: u64, completion_tokens: u64) -> Self {
        Self::json(200, &completion(text, prompt_tokens, completion_tokens))
    }

    /// An error in the interface's form.
    pub fn error(status: u16, message: &str) -> Self {
        Self::json(status, &json!({"error": {"message": message, "type": "test", "code": null}}))
    }

    /// The list of models.
    pub fn models(names: &[&str]) -> Self {
        let data: Vec<Value> = names.iter().map(|name| json!({"id": name, "object": "model"})).collect();
        Self::json(200, &json!({"object": "list", "data": data}))
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Whole { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// The JSON of a chat completion.
pub fn completion(text: &str, prompt_tokens: u64, completion_tokens: u64) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{
            "index": 0, "message": {"role": "assistant", "content": text},
            "logprobs": null, "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    })
}

type Handler = dyn Fn(&Request, usize) -> Answer + Send + Sync;

/// Serves until it is dropped, each connection with one request on a thread of its own.
pub struct TestServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
}

impl TestServer {
    /// Starts on a free port; the handler gets each request and its number from 0.
    ///
    /// # Panics
    /// There is no free port on loopback.
    pub fn start(handler: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let server = Self { address, seen: Arc::default(), is_over: Arc::default() };
        let (seen, is_over) = (Arc::clone(&server.seen), Arc::clone(&server.is_over));
        let handler: Arc<Handler> = Arc::new(handler);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (seen, handler) = (Arc::clone(&seen), Arc::clone(&handler));
                // A side that leaves early is what some tests are about.
                thread::spawn(move || serve(stream, &seen, handler.as_ref()).unwrap_or_default());
            }
        });
        server
    }

    /// The address of the interface, `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Request>>, handler: &Handler) -> std::io::Result<()> {
    let request = read(&mut BufReader::new(&stream))?;
    let number = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(request.clone());
        seen.len() - 1
    };
    write(&stream, handler(&request, number))
}

fn read(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Request> {
    let mut request = Request::default();
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    (request.method, request.path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        request.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = request.headers.get("content-length").and_then(|length| length.parse().ok());
    request.body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut request.body)?;
    Ok(request)
}

fn write(mut stream: &TcpStream, answer: Answer) -> std::io::Result<()> {
    match answer {
        Answer::Whole { status, headers, body } => {
            let length = body.len();
            write!(stream, "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n")?;
            for (name, value) in headers {
                write!(stream, "{name}: {value}\r\n")?;
            }
            stream.write_all(b"\r\n")?;
            stream.write_all(&body)
        }
        Answer::Cut(body) => {
            let length = body.len() + 100;
            write!(stream, "HTTP/1.1 200 X\r\nContent-Length: {length}\r\n\r\n")?;
            stream.write_all(&body)
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[b' '; 4096])?;
            }
        }
        Answer::Silent => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).map(drop)
        }
    }
}
