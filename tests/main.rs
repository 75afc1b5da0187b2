//! The integration tests, in one binary: every further binary would be linked with the whole program
//! again.

mod common;

mod architecture;
mod back;
mod bundle_deeds;
mod channels;
mod completions;
mod concurrent_writers;
mod config_new;
mod console_deeds;
mod console_screen;
mod console_terminal;
mod credentials;
mod credentials_wire;
mod dependencies;
mod doctor;
mod examples;
mod generated;
mod hostile;
mod import_circles;
mod journal;
mod json_documents;
mod own_keys;
mod publish;
mod repeated_writes;
mod requests;
mod robot;
mod rotate;
mod sign_in;
mod upload;
mod ways_out;
mod workflows;
mod wrong_content;
