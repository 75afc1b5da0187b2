//! The embedded world on loopback: servers that play Charmhub, GitHub and the registries.

pub mod github;
pub mod registry;
