//! The terminal user interface.

#[path = "mod.rs"]
pub mod console;

use windlass_core::{journal, observe, plan, run};
#[cfg(test)]
use windlass_demo::demo;
use windlass_domain::{config, domain};
use windlass_services::services;
