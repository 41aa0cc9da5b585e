//! Says back what is said, over the server's own WebSocket layer: for suites that try out what a server makes of
//! frames. `cargo run --release -p tests --example echo 127.0.0.1:9001`

use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await.unwrap();
    println!("listening on {}", listener.local_addr().unwrap());
    // More than any suite sends at once.
    support::echo::serve(listener, 64 * 1024 * 1024).await;
}
