//! Chromium's own protocol, spoken with the browser as a whole: its driver speaks it with pages alone, and hands out no
//! events.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::session::Fault;
use crate::within;

/// A connection of one's own to the browser.
pub(super) struct Debugger {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    orders: u32,
}

impl Debugger {
    /// Connects to the browser that listens on this address.
    pub(super) async fn connect(address: &str) -> Result<Self, Fault> {
        let http = reqwest::Client::builder().no_proxy().build().map_err(lost)?;
        let about = http.get(format!("http://{address}/json/version")).send().await.map_err(lost)?;
        let about: Value = about.json().await.map_err(lost)?;
        let url = about["webSocketDebuggerUrl"].as_str().unwrap_or_default();
        let (socket, _) = connect_async(url).await.map_err(lost)?;
        Ok(Self { socket, orders: 0 })
    }

    /// Gives an order and waits for what comes of it; events before that are passed over.
    pub(super) async fn order(&mut self, method: &str, params: Value) -> Result<Value, Fault> {
        let id = self.send(method, params).await?;
        loop {
            let mut heard = self.hear().await?;
            if heard["id"] != id {
                continue;
            }
            return match heard["error"]["message"].as_str() {
                Some(message) => Err(Fault { error: method.to_owned(), message: message.to_owned() }),
                None => Ok(heard["result"].take()),
            };
        }
    }

    /// Gives an order; its number.
    pub(super) async fn send(&mut self, method: &str, params: Value) -> Result<u32, Fault> {
        self.orders += 1;
        let order = json!({ "id": self.orders, "method": method, "params": params }).to_string();
        self.socket.send(Message::text(order)).await.map_err(lost)?;
        Ok(self.orders)
    }

    /// The next answer or event.
    pub(super) async fn hear(&mut self) -> Result<Value, Fault> {
        let message = within("the browser says something", self.socket.next()).await;
        let message = message.ok_or_else(|| lost("it ended"))?.map_err(lost)?;
        serde_json::from_slice(&message.into_data()).map_err(lost)
    }
}

fn lost(error: impl ToString) -> Fault {
    Fault { error: "browser lost".into(), message: error.to_string() }
}
