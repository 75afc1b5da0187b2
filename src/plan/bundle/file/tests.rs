//! What is promised of an edited bundle.
