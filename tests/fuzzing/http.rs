use std::{
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use clap::Parser;
use cloakroom::{Config, Shutdown};
use support::within;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::{Builder, Runtime},
};

const THREADS: &str = "fuzzed server";
static PANICKED: AtomicBool = AtomicBool::new(false);

/// The real server, which runs as long as the process.
static SERVER: LazyLock<(Runtime, String)> = LazyLock::new(|| {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICKED.fetch_or(thread::current().name() == Some(THREADS), Ordering::Relaxed);
        hook(info);
    }));
    let runtime = Builder::new_multi_thread().worker_threads(2).thread_name(THREADS).enable_all().build().unwrap();
    let address = runtime.block_on(async {
        let flags = "--listen 127.0.0.1:0 --trusted-proxy 127.0.0.1 --creates-per-minute 4000000000 \
                     --joins-per-minute 4000000000 --grace 1";
        let config = Config::parse_from(["cloakroom"].into_iter().chain(flags.split_whitespace()));
        let listeners = cloakroom::bind(&config).await.unwrap();
        let address = listeners[0].local_addr().unwrap().to_string();
        tokio::spawn(cloakroom::serve(config, listeners, Shutdown::new()));
        address
    });
    (runtime, address)
});

/// The input is everything that a client sends on one connection. No task panics, no answer is an internal error, and
/// every answer of a handler has the security headers.
pub fn check(bytes: &[u8]) {
    let (runtime, address) = &*SERVER;
    let mut answer = Vec::new();
    runtime.block_on(async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let send = async {
            // Fails once the server has ended the connection.
            let _ = writing.write_all(bytes).await;
            let _ = writing.shutdown().await;
        };
        // The server may reset the connection. The bytes before that are checked.
        let receive = async { drop(within("the end of the connection", reading.read_to_end(&mut answer)).await) };
        tokio::join!(send, receive);
    });
    assert!(!PANICKED.load(Ordering::Relaxed));
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1."), "{answer}");
    assert!(!answer.contains("HTTP/1.1 500"), "{answer}");
    let is_own = ["HTTP/1.1 200", "HTTP/1.1 204", "HTTP/1.1 403", "HTTP/1.1 404", "HTTP/1.1 405"];
    if is_own.iter().any(|start| answer.starts_with(start)) {
        assert!(answer.contains("content-security-policy: default-src 'none'"), "{answer}");
    }
}
