//! One connection: HTTP, until it ends or a socket comes of it.

use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use hyper::{
    Method, Request,
    body::Incoming,
    server::conn::http1::{Builder, Parts},
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use room::Address;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::server::TlsStream;
use tokio_util::{either::Either, sync::CancellationToken};
use tower::ServiceExt;
use wire::{Refusal, door::SOCKET, limits};
use zeroize::Zeroizing;

use crate::{
    app::App,
    client_address::client_address,
    connection_limit::{AddressSlot, ConnectionSlot, PerAddress},
    guard, plain_http,
    refuse::Refused,
    socket::{self, CLOSE_TIMEOUT, OpenedSocket, SocketContext},
    stream::{StallTimeout, Stream},
    tls::{self, Tls},
    wipe::wipe_buffer,
    ws::{self, HandshakeError},
};

/// Answers requests. What opens a socket does not go through the router: the connection becomes something else by it.
pub(crate) struct Http {
    app: App,
    router: Router,
    peer: SocketAddr,
    slot: ConnectionSlot,
    /// Whether a socket may come of it.
    opens: bool,
    /// Who opened a socket; nothing is read as a request after that.
    opened: OnceLock<(Address, Option<AddressSlot>)>,
}

type Answer = Result<Response, Infallible>;

impl Service<Request<Incoming>> for Http {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Answer>, Pin<Box<dyn Future<Output = Answer> + Send>>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let mut response = if let PerAddress::OverLimit = self.slot.per_address {
            // It is only told so.
            last(Refusal::TooManyConnections)
        } else if request.headers().contains_key(header::TRANSFER_ENCODING) {
            // Whether a Content-Length stood beside it is not told: HTTP takes that away. A proxy may have believed it,
            // and take the end of the body for another request (RFC 9112, section 6.3).
            last(Refusal::Malformed)
        } else if self.opens && request.uri().path() == SOCKET {
            match self.open(&request) {
                Ok(response) => return Either::Left(ready(Ok(response))),
                Err(refusal @ Refusal::MethodNotAllowed) => {
                    ([(header::ALLOW, HeaderValue::from_static("GET"))], Refused::from(refusal)).into_response()
                }
                Err(refusal) => Refused::from(refusal).into_response(),
            }
        } else {
            request.extensions_mut().insert(ConnectInfo(self.peer));
            return Either::Right(Box::pin(self.router.clone().oneshot(request)));
        };
        guard::add_security_headers(&mut response, &self.app.config);
        Either::Left(ready(Ok(response)))
    }
}

/// The last answer on a connection.
fn last(refusal: Refusal) -> Response {
    ([(header::CONNECTION, HeaderValue::from_static("close"))], Refused::from(refusal)).into_response()
}

impl Http {
    pub(crate) fn new(app: App, router: Router, peer: SocketAddr, slot: ConnectionSlot) -> Self {
        Self { app, router, peer, slot, opens: true, opened: OnceLock::new() }
    }

    /// The same, but with these addresses only.
    fn with_router_alone(self, router: Router) -> Self {
        Self { router, opens: false, ..self }
    }

    fn open(&self, request: &Request<Incoming>) -> Result<Response, Refusal> {
        guard::check_host_and_origin(request, &self.app)?;
        if *request.method() != Method::GET {
            return Err(Refusal::MethodNotAllowed);
        }
        // A browser's handshake has this key, and a proxy that takes Upgrade away leaves it there.
        let headers = request.headers();
        let was_handshake = headers.contains_key(header::SEC_WEBSOCKET_KEY);
        if was_handshake && !headers.contains_key(header::UPGRADE) && self.app.not_upgraded.permits_line(Instant::now())
        {
            tracing::warn!("socket request without Upgrade: a proxy may not pass WebSockets on");
        }
        let response = ws::accept(request).map_err(|error| match error {
            HandshakeError::Malformed => Refusal::Malformed,
            HandshakeError::Version => Refusal::WebSocketVersion,
        })?;
        let address = client_address(self.peer, request.headers(), &self.app.config);
        let address_slot = self.slot.count_socket(&self.app.connection_limit, address)?;
        // It is the first: HTTP ends with the answer.
        let _ = self.opened.set((address, address_slot));
        Ok(response.map(|()| Body::empty()))
    }
}

/// Serves a connection until it ends.
pub(crate) fn serve(stream: TcpStream, http: Http, stopping: CancellationToken) -> impl Future<Output = ()> {
    carry_on(answer(stream, http, stopping))
}

/// Serves a connection until it ends, where the server has TLS: the first byte says whether the peer speaks it.
pub(crate) fn serve_tls(
    stream: TcpStream,
    tls: Arc<Tls>,
    http: Http,
    stopping: CancellationToken,
) -> impl Future<Output = ()> {
    carry_on(async move {
        let address = match http.slot.per_address {
            PerAddress::Proxy => None,
            PerAddress::Counted(_) | PerAddress::OverLimit => Some(Address::from(http.peer.ip())),
        };
        let begun = tokio::select! {
            begun = tls.accept(stream, address) => begun?,
            () = stopping.cancelled() => return None,
        };
        match begun {
            tls::Accepted::Tls(stream) => answer::<TlsStream<TcpStream>>(*stream, http, stopping).await,
            tls::Accepted::Plain(stream) => {
                let router = plain_http::router(http.app.clone());
                answer(stream, http.with_router_alone(router), stopping).await;
                None
            }
        }
    })
}

/// What HTTP needs is kept apart, so that the task of a socket does not keep place for it: most of the time it only waits.
fn carry_on<S: Stream>(answered: impl Future<Output = Option<OpenedSocket<S>>> + Send) -> impl Future<Output = ()> {
    let answered = Box::pin(answered);
    async move {
        // Handed on whole: the task would keep place for the parts for as long as the socket is open.
        let Some(opened) = answered.await else { return };
        socket::serve(opened).await;
    }
}

/// Answers requests, until the connection ends or is a socket.
async fn answer<S: Stream>(stream: S, http: Http, stopping: CancellationToken) -> Option<OpenedSocket<S>> {
    let mut serving = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_WITHIN)
        .max_buf_size(limits::HEAD_BYTES)
        .serve_connection(TokioIo::new(StallTimeout::new(stream)), http);
    let served = tokio::select! {
        served = poll_fn(|context| serving.poll_without_shutdown(context)) => served,
        () = stopping.cancelled() => {
            Pin::new(&mut serving).graceful_shutdown();
            poll_fn(|context| serving.poll_without_shutdown(context)).await
        }
    };
    if let Err(error) = &served {
        // Only its kind: a message could quote what was sent.
        tracing::debug!(timeout = error.is_timeout(), parse = error.is_parse(), "a connection ended badly");
    }
    let Parts { io, read_buf, service: Http { app, slot, opened, .. }, .. } = serving.into_parts();
    let mut stream = io.into_inner();
    match opened.into_inner().filter(|_| served.is_ok()) {
        Some((address, address_slot)) => {
            // A copy: while one of its bytes is held, the whole of HTTP's buffer is. A hello may be in it.
            let before = Zeroizing::new(read_buf.to_vec());
            wipe_buffer(read_buf);
            Some(OpenedSocket { stream, before, context: SocketContext { app, address, _slots: (slot, address_slot) } })
        }
        None => {
            wipe_buffer(read_buf);
            // The last answer may have been given before the body of its request was there.
            if !stream.has_timed_out() && stream.shutdown().await.is_ok() {
                let _ = timeout(CLOSE_TIMEOUT, ws::drain(&mut stream)).await;
            }
            None
        }
    }
}
