//! One module per remote service: Charmhub, GitHub, registries, engines, keyring. HTTP is shared.

#[path = "mod.rs"]
pub mod services;

use windlass_domain::{config, domain};
