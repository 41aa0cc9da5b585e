//! Searches the frames that the server saw for secrets.

use std::collections::HashSet;

use web_crypto::{Stretched, keys::RoomSecret};

use super::client::Client;

/// Bytes of a secret that are searched for.
const PART: usize = 12;

#[derive(Default)]
pub struct Scan {
    secrets: HashSet<[u8; PART]>,
    frames: Vec<Vec<u8>>,
}

impl Scan {
    pub fn keep(&mut self, secret: &[u8]) {
        if let Some(part) = secret.first_chunk() {
            self.secrets.insert(*part);
        }
    }

    /// Keeps a value of the key store: a private key, or a list of pairs. Each begins with a length.
    pub fn keep_value(&mut self, value: &[u8]) {
        for at in 0..4.min(value.len()) {
            if let Some(part) = value.get(at..).and_then(<[u8]>::first_chunk)
                && part.iter().filter(|byte| **byte == 0).count() < 4
            {
                self.secrets.insert(*part);
            }
        }
    }

    pub fn seen(&mut self, frame: &[u8]) {
        self.frames.push(frame.to_vec());
    }

    pub fn look(mut self, clients: &[Client]) {
        for client in clients {
            self.keep(&client.seed);
            self.keep(&[client.password; 32]);
            if let Some(room) = client.room() {
                let secret = RoomSecret::extract(b"", Stretched::from([client.password; 32]));
                self.keep(secret.room_psk(room).as_bytes());
                self.keep(secret.door_key(room).as_bytes());
            }
        }
        for frame in &self.frames {
            for window in frame.array_windows::<PART>() {
                assert!(!self.secrets.contains(window), "the server saw a secret, {window:?}");
            }
        }
    }
}
