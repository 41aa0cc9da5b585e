//! The server as a process: it keeps working when its log cannot be written or file descriptors run out.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::Stdio,
    time::Duration,
};

use futures_util::StreamExt;
use support::{
    client::Socket,
    server::{Server, program},
    within,
};
use tokio::{net::TcpStream, time::interval};
use tokio_tungstenite::{connect_async, tungstenite::Message};
use wire::CloseCode;

async fn socket(server: &Server) -> Socket {
    connect_async(format!("ws://{}/api/socket", server.address)).await.unwrap().0
}

async fn is_healthy(server: &Server) {
    let answer = within("an answer", reqwest::get(format!("http://{}/healthz", server.address))).await;
    assert_eq!(answer.unwrap().status().as_u16(), 200);
}

/// SIGTERM closes sockets with code 1012, and the process exits with status 0.
async fn shuts_down_cleanly(mut server: Server) {
    let mut open = socket(&server).await;
    server.terminate();
    match within("a close", open.next()).await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), CloseCode::Stopping.number()),
        other => panic!("no close: {other:?}"),
    }
    drop(open);
    assert!(server.ended().await, "exit status 0");
}

#[tokio::test]
async fn server_works_with_its_log_on_a_full_disk() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let server = Server::logging_to(Stdio::from(full), &["--log", "trace"]).await;
    is_healthy(&server).await;
    shuts_down_cleanly(server).await;
}

#[tokio::test]
async fn server_works_with_its_log_pipe_closed() {
    let mut server = Server::with(&["--log", "trace"]).await;
    server.close_log().await;
    is_healthy(&server).await;
    shuts_down_cleanly(server).await;
}

#[tokio::test]
async fn server_works_with_its_log_pipe_full() {
    let (_unread, log) = io::pipe().unwrap();
    let server = Server::logging_to(Stdio::from(log), &["--log", "cloakroom=debug"]).await;
    // Two log lines each: more than the pipe and the log queue hold.
    for _ in 0..2500 {
        within("a socket", socket(&server)).await;
    }
    is_healthy(&server).await;
    shuts_down_cleanly(server).await;
}

/// A failed start sets the exit status, even if the error cannot be written anywhere.
#[test]
fn failed_start_with_an_unwritable_log_exits_with_1() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut failing = std::process::Command::new(program());
    let ended = failing.args(["--listen", "192.0.2.1:80"]).stderr(full).status().unwrap();
    assert_eq!(ended.code(), Some(1));
}

/// The server accepts connections again once ended connections have freed their file descriptors.
#[tokio::test]
async fn server_accepts_again_after_running_out_of_descriptors() {
    const DESCRIPTORS: usize = 40;
    for with_log in [true, false] {
        let limited = format!("ulimit -n {DESCRIPTORS} && exec \"$0\"");
        let program = program();
        let mut server = Server::of(Path::new("/bin/sh"), None, &["-c", &limited, program.to_str().unwrap()]).await;
        if !with_log {
            server.close_log().await;
        }
        let mut held = Vec::new();
        for _ in 0..2 * DESCRIPTORS {
            held.push(TcpStream::connect(&server.address).await.unwrap());
        }
        let open = format!("/proc/{}/fd", server.pid());
        within("the server has no descriptor left", async {
            let mut ticks = interval(Duration::from_millis(10));
            while fs::read_dir(&open).unwrap().count() < DESCRIPTORS {
                ticks.tick().await;
            }
        })
        .await;
        if with_log {
            server.logged("cannot accept connections").await;
        }
        drop(held);
        is_healthy(&server).await;
        shuts_down_cleanly(server).await;
    }
}
