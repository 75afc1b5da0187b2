//! One room a remote: Charmhub, GitHub, registries; HTTP shared by all of them.
//!
//! Owns wire shapes, credentials in use and the mapping of every answer to a fact or a
//! [`crate::domain::Problem`]. Must not plan, journal or print.

pub mod charmhub;
pub mod endpoints;
pub mod github;
pub mod http;
pub mod keyring;
pub mod registry;
