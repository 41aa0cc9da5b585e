//! Lines on standard error, in colour where it is a terminal. A closed standard error stops nothing.

use std::{fmt::Display, io::Write};

use clap::builder::styling::{AnsiColor, Style};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

pub(crate) fn error(text: impl Display) {
    note(format_args!("{ERROR}error:{ERROR:#} {text}"));
}

pub(crate) fn warning(text: impl Display) {
    note(format_args!("{WARNING}warning:{WARNING:#} {text}"));
}

pub(crate) fn note(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
