//! One Temporal dev server in memory for all tests of this program.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};
use tokio::sync::OnceCell;
use url::Url;

/// How long a server may take to answer.
const START: Duration = Duration::from_secs(60);

/// Ends the server when the pipe closes, which happens however this program ends.
const GUARD: &str = r#""$@" >/dev/null 2>&1 & server=$!; read -r _; kill "$server"; wait "$server""#;

static SERVER: OnceCell<DevServer> = OnceCell::const_new();

/// A running server.
#[derive(Debug)]
pub struct DevServer {
    address: String,
    guard: Child,
}

/// A new connection to the server, which starts with the first one.
pub async fn connect() -> Client {
    let server = SERVER.get_or_init(DevServer::start).await;
    client(&server.address).await.expect("the dev server answers")
}

/// The `temporal` program.
pub fn program() -> PathBuf {
    let path = std::env::var_os("EMPIRIC_TEMPORAL_BIN").map(PathBuf::from);
    let path = path.expect("EMPIRIC_TEMPORAL_BIN must name the `temporal` program: `make test` sets it");
    assert!(path.is_file(), "EMPIRIC_TEMPORAL_BIN names no file: {}", path.display());
    path
}

impl DevServer {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).unwrap().port();
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(program())
            .args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error"])
            .args(["--port", &port.to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let server = Self { address: format!("127.0.0.1:{port}"), guard };
        let answers = async {
            while client(&server.address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(START, answers).await.expect("the dev server answers within a minute");
        server
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

async fn client(address: &str) -> Result<Client, Box<dyn std::error::Error>> {
    let mut options = ConnectionOptions::new(Url::parse(&format!("http://{address}"))?).build();
    options.identity = "empiric-test".to_owned();
    options.connect_timeout = Some(Duration::from_secs(2));
    let connection = Connection::connect(options).await?;
    Ok(Client::new(connection, ClientOptions::new("default").build())?)
}
