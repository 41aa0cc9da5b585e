//! JSON bodies: of requests, and of answers that contain a secret.

use std::{future::poll_fn, pin::Pin};

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hyper::body::Body as _;
use serde::{Serialize, de::DeserializeOwned};
use wire::{Refusal, door::Object, limits};
use zeroize::Zeroizing;

use crate::{app::App, refuse::Refused, wipe::wipe};

/// Maximum bytes in an answer with a secret: an admission or a pass.
const ANSWER_BYTES: usize = limits::PASS_CHARS + 256;

/// A request body: a JSON object. Its media type must be `application/json`, which a page of another site cannot send
/// without a CORS preflight.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case("application/json") {
            return Err(Refusal::NotJson.into());
        }
        // Drops the head, which shares HTTP's read buffer with the body and would keep it from being wiped.
        let bytes = read(request.into_body(), app.config.max_door_bytes).await?;
        let Object(parsed) = serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed)?;
        Ok(Self(parsed))
    }
}

/// Reads a body of at most `limit` bytes. It may contain a verifier or a token, so the result is wiped when dropped.
async fn read(mut body: axum::body::Body, limit: usize) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let length = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if length > limit {
        return Err(Refusal::TooLarge);
    }
    // Allocated at full size, because a vector that grows leaves copies behind.
    let mut whole = Zeroizing::new(Vec::with_capacity(length));
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(part) = frame.map_err(|_| Refusal::Malformed)?.into_data() else { continue };
        if part.len() > length - whole.len() {
            return Err(Refusal::Malformed);
        }
        whole.extend_from_slice(&part);
        wipe(part);
    }
    Ok(whole)
}

/// Returns an answer that contains a secret. Its body is wiped after sending.
pub(crate) fn sealed_json(answer: &impl Serialize) -> Result<Response, Refused> {
    let mut body = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES));
    serde_json::to_writer(&mut *body, answer).map_err(|_| Refusal::Internal)?;
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((json, axum::body::Body::from(Bytes::from_owner(body))).into_response())
}
