//! The server as a process: it goes on where its log cannot be written and where descriptors run out.

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

async fn is_well(server: &Server) {
    let answer = within("an answer", reqwest::get(format!("http://{}/healthz", server.address))).await;
    assert_eq!(answer.unwrap().status().as_u16(), 200);
}

/// SIGTERM closes sockets with 1012, and the process ends well.
async fn ends_well(mut server: Server) {
    let mut open = socket(&server).await;
    server.terminate();
    match within("a close", open.next()).await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), CloseCode::Stopping.number()),
        other => panic!("no close: {other:?}"),
    }
    drop(open);
    assert!(server.ended().await, "the exit status says so");
}

#[tokio::test]
async fn a_full_disk_under_the_log_stops_nothing() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let server = Server::logging_to(Stdio::from(full), &["--log", "trace"]).await;
    is_well(&server).await;
    ends_well(server).await;
}

#[tokio::test]
async fn a_log_whose_reader_is_gone_stops_nothing() {
    let mut server = Server::with(&["--log", "trace"]).await;
    server.close_log().await;
    is_well(&server).await;
    ends_well(server).await;
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing() {
    let (_unread, log) = io::pipe().unwrap();
    let server = Server::logging_to(Stdio::from(log), &["--log", "cloakroom=debug"]).await;
    // Two lines each: more than a pipe and the queue hold.
    for _ in 0..2500 {
        within("a socket", socket(&server)).await;
    }
    is_well(&server).await;
    ends_well(server).await;
}

/// A start that fails says so by its exit status, though it can say so nowhere else.
#[test]
fn a_failed_start_without_a_log_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut failing = std::process::Command::new(program());
    let ended = failing.args(["--listen", "192.0.2.1:80"]).stderr(full).status().unwrap();
    assert_eq!(ended.code(), Some(1));
}

/// Descriptors that ran out are there again when connections end, and then the server accepts again.
#[tokio::test]
async fn it_accepts_again_after_descriptors_ran_out() {
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
        is_well(&server).await;
        ends_well(server).await;
    }
}
