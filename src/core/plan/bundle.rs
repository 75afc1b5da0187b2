//! Plans changes in the bundle's repository: `bundle.yaml` with other channels, the overlay of a
//! release, and the steps that commit both to a branch and upload the bundle.
//!
//! The steps are the same for every intent. Whether a release is published is decided by the plans
//! that use them.

pub mod file;
pub mod overlay;
mod steps;
mod yaml;

pub(in crate::plan) use steps::{branch, commit, lift_hold, release, serving, upload};
