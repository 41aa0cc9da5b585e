//! An echo server on Cloakroom's own WebSocket layer, without the chat protocol.

use std::ops::ControlFlow;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use cloakroom::ws::{self, End, Event, HandshakeError, Opcode, Reader, Writer};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, split},
    net::TcpListener,
};

/// Serves until the task is dropped. A message has at most `limit` bytes.
pub async fn serve(listener: TcpListener, limit: usize) {
    axum::serve(listener, Router::new().fallback(move |request| open(request, limit))).await.unwrap();
}

async fn open(mut request: Request, limit: usize) -> Response {
    match ws::accept(&request) {
        Ok(response) => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                if let Ok(stream) = upgrade.await {
                    echo(TokioIo::new(stream), limit).await;
                }
            });
            response.map(|()| Body::empty())
        }
        Err(HandshakeError::Version) => {
            (StatusCode::UPGRADE_REQUIRED, [("sec-websocket-version", "13")]).into_response()
        }
        Err(HandshakeError::Malformed) => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn echo(stream: impl AsyncRead + AsyncWrite, limit: usize) {
    let (reading, writing) = split(stream);
    let (mut reader, mut writer) = (Reader::new(reading, Vec::new(), limit), Writer::new(writing));
    loop {
        let read = reader.read(|event| {
            match event {
                Event::Text(text) => writer.outgoing.push(Opcode::Text, &Bytes::copy_from_slice(text.as_bytes())),
                Event::Binary(bytes) => writer.outgoing.push(Opcode::Binary, &Bytes::copy_from_slice(bytes)),
                Event::Ping(bytes) => writer.outgoing.push(Opcode::Pong, &Bytes::copy_from_slice(bytes)),
                Event::Pong(_) => {}
                Event::Close(close) => {
                    writer.outgoing.push_close(close.map(|close| close.code));
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        let read = read.await;
        if let Err(End::Fault(fault)) = &read {
            writer.outgoing.push_close(Some(fault.number()));
        }
        if writer.flush().await.is_err() {
            return;
        }
        if !matches!(read, Ok((_, ControlFlow::Continue(())))) {
            writer.shut().await;
            return reader.drain().await;
        }
    }
}
