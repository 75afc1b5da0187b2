//! The demo environment: Charmhub, sign-on, GitHub and registries on loopback.

#[path = "mod.rs"]
pub mod demo;

use windlass_domain::domain;
