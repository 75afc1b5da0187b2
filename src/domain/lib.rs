//! Facts and their rules, and the workspace and user files. No IO apart from reading these files, no
//! async, no clock.

pub mod config;
#[path = "mod.rs"]
pub mod domain;
