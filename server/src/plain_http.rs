//! Answers plain HTTP requests when TLS is on.

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use wire::Refusal;

use crate::{
    app::App,
    guard, pages,
    refuse::Refused,
    routes::{CERTIFICATE, STATIC, TRUST},
};

/// Redirects to the same address over HTTPS. Also serves the page that explains how to trust the server, and its files,
/// because people need that page before their browser accepts HTTPS.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route(TRUST, get(pages::trust))
        .route(CERTIFICATE, get(pages::certificate))
        .route(STATIC, get(pages::file))
        .fallback(redirect)
        .layer(middleware::from_fn_with_state(app.clone(), guard::check))
        .layer(middleware::from_fn_with_state(app.clone(), guard::headers))
        // This header must not be sent over plain HTTP (RFC 6797, section 7.2).
        .layer(middleware::map_response(|mut response: Response| async {
            response.headers_mut().remove(header::STRICT_TRANSPORT_SECURITY);
            response
        }))
        .with_state(app)
}

/// Redirects page requests only. The body of any other request has already crossed the network in the clear, and a
/// redirect would not protect it.
async fn redirect(State(app): State<App>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return ([(header::ALLOW, "GET, HEAD")], Refused::from(Refusal::MethodNotAllowed)).into_response();
    }
    let Some(origin) = guard::own_origin(request.headers(), &app) else {
        return Refused::from(Refusal::HostRefused).into_response();
    };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, format!("{origin}{path}"))]).into_response()
}
