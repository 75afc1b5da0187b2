//! Installs the TLS provider and hands over to the library.

fn main() {}
