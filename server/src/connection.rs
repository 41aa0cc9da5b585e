//! One connection: serves HTTP requests until the connection ends or becomes a WebSocket.

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

/// The HTTP service of one connection. WebSocket handshakes bypass the router, because they end HTTP on the connection.
pub(crate) struct Http {
    app: App,
    router: Router,
    peer: SocketAddr,
    slot: ConnectionSlot,
    /// True when the connection may become a socket.
    accepts_sockets: bool,
    /// Set when a request opened a socket: the client's address and its count. No request follows.
    opened: OnceLock<(Address, Option<AddressSlot>)>,
}

type Answer = Result<Response, Infallible>;

impl Service<Request<Incoming>> for Http {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Answer>, Pin<Box<dyn Future<Output = Answer> + Send>>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let mut response = if let PerAddress::OverLimit = self.slot.per_address {
            closing_answer(Refusal::TooManyConnections)
        } else if request.headers().contains_key(header::TRANSFER_ENCODING) {
            // hyper hides a Content-Length beside Transfer-Encoding. A proxy may have used that length and take the end
            // of the body for another request (RFC 9112, section 6.3).
            closing_answer(Refusal::Malformed)
        } else if self.accepts_sockets && request.uri().path() == SOCKET {
            match self.open_socket(&request) {
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

/// Returns an answer after which the connection closes.
fn closing_answer(refusal: Refusal) -> Response {
    ([(header::CONNECTION, HeaderValue::from_static("close"))], Refused::from(refusal)).into_response()
}

impl Http {
    pub(crate) fn new(app: App, router: Router, peer: SocketAddr, slot: ConnectionSlot) -> Self {
        Self { app, router, peer, slot, accepts_sockets: true, opened: OnceLock::new() }
    }

    /// Replaces the router, and accepts no sockets.
    fn without_sockets(self, router: Router) -> Self {
        Self { router, accepts_sockets: false, ..self }
    }

    /// Answers a WebSocket handshake.
    fn open_socket(&self, request: &Request<Incoming>) -> Result<Response, Refusal> {
        guard::check_host_and_origin(request, &self.app)?;
        if *request.method() != Method::GET {
            return Err(Refusal::MethodNotAllowed);
        }
        // Every WebSocket handshake has this key. A proxy that removes Upgrade leaves it in place.
        let headers = request.headers();
        let is_handshake = headers.contains_key(header::SEC_WEBSOCKET_KEY);
        if is_handshake && !headers.contains_key(header::UPGRADE) && self.app.not_upgraded.permits_line(Instant::now())
        {
            tracing::warn!("WebSocket handshake without Upgrade: does a proxy remove it?");
        }
        let response = ws::accept(request).map_err(|error| match error {
            HandshakeError::Malformed => Refusal::Malformed,
            HandshakeError::Version => Refusal::WebSocketVersion,
        })?;
        let address = client_address(self.peer, request.headers(), &self.app.config);
        let address_slot = self.slot.count_socket(&self.app.connection_limit, address)?;
        // Cannot be set already: HTTP ends with this answer.
        let _ = self.opened.set((address, address_slot));
        Ok(response.map(|()| Body::empty()))
    }
}

/// Serves a connection without TLS until it ends.
pub(crate) fn serve(stream: TcpStream, http: Http, stopping: CancellationToken) -> impl Future<Output = ()> {
    serve_socket_after(answer(stream, http, stopping))
}

/// Serves a connection until it ends when TLS is on. The first byte tells whether the peer uses TLS.
pub(crate) fn serve_tls(
    stream: TcpStream,
    tls: Arc<Tls>,
    http: Http,
    stopping: CancellationToken,
) -> impl Future<Output = ()> {
    serve_socket_after(async move {
        let address = match http.slot.per_address {
            PerAddress::Proxy => None,
            PerAddress::Counted(_) | PerAddress::OverLimit => Some(Address::from(http.peer.ip())),
        };
        let accepted = tokio::select! {
            accepted = tls.accept(stream, address) => accepted?,
            () = stopping.cancelled() => return None,
        };
        match accepted {
            tls::Accepted::Tls(stream) => answer::<TlsStream<TcpStream>>(*stream, http, stopping).await,
            tls::Accepted::Plain(stream) => {
                let router = plain_http::router(http.app.clone());
                answer(stream, http.without_sockets(router), stopping).await;
                None
            }
        }
    })
}

/// Awaits the HTTP part of a connection, then serves the socket that it opened, if any. Boxes the HTTP part, so that
/// the task of an idle socket does not reserve memory for it.
fn serve_socket_after<S: Stream>(
    answered: impl Future<Output = Option<OpenedSocket<S>>> + Send,
) -> impl Future<Output = ()> {
    let answered = Box::pin(answered);
    async move {
        // Passed on whole, because the task would reserve memory for the parts as long as the socket is open.
        let Some(opened) = answered.await else { return };
        socket::serve(opened).await;
    }
}

/// Answers requests. Returns the socket that the connection has become, or `None` at the connection's end.
async fn answer<S: Stream>(stream: S, http: Http, stopping: CancellationToken) -> Option<OpenedSocket<S>> {
    let mut serving = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIMEOUT)
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
        // Logs only the kind, because the text could contain bytes from the peer.
        tracing::debug!(timeout = error.is_timeout(), parse = error.is_parse(), "HTTP connection failed");
    }
    let Parts { io, read_buf, service: Http { app, slot, opened, .. }, .. } = serving.into_parts();
    let mut stream = io.into_inner();
    match opened.into_inner().filter(|_| served.is_ok()) {
        Some((address, address_slot)) => {
            // Copied, so that HTTP's buffer can be wiped: the bytes may contain a hello.
            let before = Zeroizing::new(read_buf.to_vec());
            wipe_buffer(read_buf);
            Some(OpenedSocket { stream, before, context: SocketContext { app, address, _slots: (slot, address_slot) } })
        }
        None => {
            wipe_buffer(read_buf);
            // The last request's body may still be arriving, and closing before it is read resets the connection.
            if !stream.has_timed_out() && stream.shutdown().await.is_ok() {
                let _ = timeout(CLOSE_TIMEOUT, ws::drain(&mut stream)).await;
            }
            None
        }
    }
}
