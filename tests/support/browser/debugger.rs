//! The Chrome DevTools Protocol with the whole browser. Chromedriver passes on commands for single pages only, and no
//! events.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::session::Fault;
use crate::within;

/// A direct connection to the browser.
pub(super) struct Debugger {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    commands: u32,
}

impl Debugger {
    /// Connects to the browser that listens on this address.
    pub(super) async fn connect(address: &str) -> Result<Self, Fault> {
        let http = reqwest::Client::builder().no_proxy().build().map_err(lost)?;
        let about = http.get(format!("http://{address}/json/version")).send().await.map_err(lost)?;
        let about: Value = about.json().await.map_err(lost)?;
        let url = about["webSocketDebuggerUrl"].as_str().unwrap_or_default();
        let (socket, _) = connect_async(url).await.map_err(lost)?;
        Ok(Self { socket, commands: 0 })
    }

    /// Sends a command and returns its result. Earlier events are ignored.
    pub(super) async fn command(&mut self, method: &str, params: Value) -> Result<Value, Fault> {
        let id = self.send(method, params).await?;
        loop {
            let mut message = self.next_message().await?;
            if message["id"] != id {
                continue;
            }
            return match message["error"]["message"].as_str() {
                Some(error) => Err(Fault { error: method.to_owned(), message: error.to_owned() }),
                None => Ok(message["result"].take()),
            };
        }
    }

    /// Sends a command, and returns its id.
    pub(super) async fn send(&mut self, method: &str, params: Value) -> Result<u32, Fault> {
        self.commands += 1;
        let command = json!({ "id": self.commands, "method": method, "params": params }).to_string();
        self.socket.send(Message::text(command)).await.map_err(lost)?;
        Ok(self.commands)
    }

    /// Waits for the next response or event.
    pub(super) async fn next_message(&mut self) -> Result<Value, Fault> {
        let message = within("a message from the browser", self.socket.next()).await;
        let message = message.ok_or_else(|| lost("the connection ended"))?.map_err(lost)?;
        serde_json::from_slice(&message.into_data()).map_err(lost)
    }
}

fn lost(error: impl ToString) -> Fault {
    Fault { error: "browser lost".into(), message: error.to_string() }
}
