//! The names of rooms.

use std::collections::{HashMap, HashSet};

use wire::{Refusal, RoomId, RoomName};

/// The names in use. Locked while a room is created or removed, never for a frame.
#[derive(Default)]
pub(super) struct Names {
    pub(super) ids: HashMap<RoomName, RoomId>,
    folded: HashSet<String>,
    shaped: HashSet<String>,
}

impl Names {
    pub(super) fn claim(&mut self, name: &RoomName, id: RoomId) -> Result<(), Refusal> {
        let skeleton = name.skeleton();
        if self.folded.contains(&skeleton.folded) || self.shaped.contains(&skeleton.shaped) {
            return Err(Refusal::RoomNameTaken);
        }
        self.folded.insert(skeleton.folded);
        self.shaped.insert(skeleton.shaped);
        self.ids.insert(name.clone(), id);
        Ok(())
    }

    pub(super) fn free(&mut self, name: &RoomName) {
        let skeleton = name.skeleton();
        self.folded.remove(&skeleton.folded);
        self.shaped.remove(&skeleton.shaped);
        self.ids.remove(name);
    }
}
