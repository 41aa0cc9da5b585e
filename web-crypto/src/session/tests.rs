//! The session against a server that the test plays, honest or not. The others in the room are real members.

mod again;
mod anew;
mod coming_in;
mod connection;
mod damage;
mod door;
mod duty;
mod order;
mod other;
mod pictures;
mod refresh;
mod resume;
mod scene;
mod talk;
mod trust;
