//! The session against a server that the test plays, honest or not. The other members are real.

mod again;
mod coming_in;
mod connection;
mod damage;
mod door;
mod duty;
mod order;
mod other;
mod pictures;
mod recovery;
mod refresh;
mod resume;
mod scene;
mod talk;
mod trust;
