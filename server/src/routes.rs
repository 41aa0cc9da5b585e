//! The routing table of the server. Only the WebSocket endpoint is missing: `connection` handles it.

use axum::{
    Router,
    http::{HeaderMap, Uri},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower_http::catch_panic::CatchPanicLayer;
use wire::{Refusal, door as paths};

use crate::{app::App, door, guard, pages, refuse::Refused, sign_in};

/// The page that explains how to trust a self-made certificate, and the certificate. Both are also served without TLS.
pub(crate) const TRUST: &str = "/trust";
pub(crate) const CERTIFICATE: &str = "/cloakroom.crt";
pub(crate) const STATIC: &str = "/static/{build}/{*path}";

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/", get(pages::landing))
        .route("/create", get(pages::create))
        .route("/login", get(pages::join))
        // A proxy may decode the room's name, which may then contain slashes or end at a question mark.
        .route("/chat/", get(pages::join))
        .route("/chat/{*room}", get(pages::join))
        .route(TRUST, get(pages::trust))
        .route(CERTIFICATE, get(pages::certificate))
        .route(STATIC, get(pages::file))
        .route("/healthz", get("ok\n"))
        .route(paths::SALT, post(door::salt))
        .route(paths::CREATE, post(door::create))
        .route(paths::JOIN, post(door::join))
        .route(paths::LEAVE, post(door::leave))
        .route(paths::GATE, post(sign_in::gate))
        .route(paths::GATE_TOKEN, post(sign_in::token))
        .route(paths::GATE_SALT, post(sign_in::salt))
        .route(paths::GATE_PEOPLE, post(sign_in::people))
        .route(paths::GATE_EMAIL, post(sign_in::email))
        .fallback(not_found)
        .method_not_allowed_fallback(|| async { Refused::from(Refusal::MethodNotAllowed) })
        .layer(middleware::from_fn_with_state(app.clone(), guard::check))
        .layer(CatchPanicLayer::custom(|_| {
            tracing::error!("handler panicked");
            Refused::from(Refusal::Internal).into_response()
        }))
        .layer(middleware::from_fn_with_state(app.clone(), guard::headers))
        .with_state(app)
}

async fn not_found(uri: Uri, headers: HeaderMap) -> Response {
    if uri.path().starts_with("/api/") {
        return Refused::from(Refusal::NotFound).into_response();
    }
    pages::not_found(&headers)
}
