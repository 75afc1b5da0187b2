//! What the console promises, without a terminal, a runtime or a clock.

mod columns;
mod credentials;
mod flows;
mod images;
mod keys;
mod names;
mod pane_states;
mod plain;
mod queue;
mod random;
mod resources;
mod review;
mod running;
mod screens;
mod search;
mod speed;
mod standing;
mod states;
mod styled;
mod table;
mod terminal;
mod tour;
mod transfers;
mod which;
mod workflows;
mod world;
