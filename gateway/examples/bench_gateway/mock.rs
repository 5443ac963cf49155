//! A model server that answers every chat at once with the same few words.

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Serves until it is ended.
pub async fn run() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("http://{}/v1", listener.local_addr().expect("an address"));
    let router = Router::new().route("/v1/chat/completions", post(answer));
    axum::serve(listener, router).await.expect("the server goes on");
}

async fn answer() -> Json<Value> {
    Json(json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mock",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "On the 25th."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
    }))
}
