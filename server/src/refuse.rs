//! Turns refusals into HTTP answers.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use wire::{Refusal, door::RefusalBody};

/// A [`Refusal`] to answer with.
#[derive(Debug)]
pub(crate) struct Refused {
    refusal: Refusal,
    /// How long to wait before trying again, if known.
    wait: Option<Duration>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, wait: None }
    }
}

impl Refused {
    /// Returns a refusal that tells when to try again.
    pub(crate) fn retry_after(refusal: Refusal, wait: Duration) -> Self {
        Self { refusal, wait: Some(wait) }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // Whole seconds, rounded up.
        let seconds = self.wait.map(|wait| wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
        let mut response = (status, Json(RefusalBody::new(self.refusal, seconds))).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.refusal == Refusal::WebSocketVersion {
            // Names the supported version (RFC 6455, section 4.4, and RFC 9110, section 15.5.22).
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        }
        response
    }
}
