//! An S3 server in this process that checks signatures, over a folder.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;

/// A running server.
#[derive(Debug)]
pub(crate) struct S3s {
    pub(crate) address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Clone)]
struct Shared {
    service: S3Service,
    /// The server looks at a condition and then acts, so two at once could both hold.
    conditional: Arc<tokio::sync::Mutex<()>>,
}

impl S3s {
    /// Serves the folder to whoever signs with this key and secret; each folder in it is a bucket.
    pub(crate) fn start(folder: &Path, key: &str, secret: &str) -> S3s {
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single(key, secret));
        let shared = Shared {
            service: builder.build(),
            conditional: Arc::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().fallback(handle).with_state(shared))
                .await
                .unwrap();
        });
        S3s {
            address,
            _runtime: runtime,
        }
    }
}

async fn handle(State(shared): State<Shared>, request: Request) -> Response {
    let conditions = [header::IF_MATCH, header::IF_NONE_MATCH];
    let is_conditional =
        request.method() == Method::PUT && conditions.iter().any(|name| request.headers().contains_key(name));
    let _turn = if is_conditional {
        Some(shared.conditional.lock().await)
    } else {
        None
    };
    match shared
        .service
        .call(request.map(s3s::Body::http_body_unsync))
        .await
    {
        Ok(answer) => answer.map(Body::new),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}")).into_response(),
    }
}
