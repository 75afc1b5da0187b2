//! The bundle's repository in plans: `bundle.yaml` with other channels, the overlay of a release,
//! and the steps that bring both into a branch and the bundle into the store.
//!
//! Owns what these files say and the shape of these steps, whatever the wish behind them is. Must
//! not decide whether a release is published: that is the business of the plans that use it.

pub mod file;
pub mod overlay;
mod steps;
mod yaml;

pub(in crate::plan) use steps::{branch, commit, lift_hold, release, serving, upload};
