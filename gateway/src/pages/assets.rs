//! The style sheet and the script, which are part of the program.

use axum::http::header::CONTENT_TYPE;

type Asset = ([(axum::http::HeaderName, &'static str); 1], &'static str);

/// The style sheet.
pub(super) async fn style() -> Asset {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("static/style.css"))
}

/// The script.
pub(super) async fn script() -> Asset {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("static/page.js"))
}
