//! Arguments of `workflow` and `plan workflow`.

use clap::{Args, Subcommand};

#[derive(Args, Clone, Debug)]
pub struct Workflow {
    #[command(subcommand)]
    pub what: WorkflowWhat,
    /// Another repository of the workspace
    #[arg(long, global = true, value_name = "OWNER/NAME")]
    pub repository: Option<String>,
}

#[derive(Subcommand, Clone, Debug)]
pub enum WorkflowWhat {
    /// Every workflow, its form, what is wrong with it, and the recent runs
    List,
    /// Start one and follow the very run until it ends
    Run {
        /// Its file name, or what it calls itself
        #[arg(value_name = "NAME")]
        name: String,
        /// Its inputs
        #[arg(value_name = "KEY=VALUE")]
        inputs: Vec<String>,
        /// How long it is followed at most, for example 45m or 2h
        #[arg(long, value_name = "SPAN", default_value = "30m", value_parser = crate::cli::workflow::span)]
        timeout: std::time::Duration,
    },
    /// Follow a run until it ends
    Watch {
        /// GitHub's number of the run
        #[arg(value_name = "RUN")]
        run: u64,
        /// How long it is followed at most, for example 45m or 2h
        #[arg(long, value_name = "SPAN", default_value = "30m", value_parser = crate::cli::workflow::span)]
        timeout: std::time::Duration,
    },
    /// Do the failed jobs of a run again
    Rerun {
        /// GitHub's number of the run
        #[arg(value_name = "RUN")]
        run: u64,
    },
    /// Stop a run
    Cancel {
        /// GitHub's number of the run
        #[arg(value_name = "RUN")]
        run: u64,
    },
}

/// As [`Workflow`], of what writes alone.
#[derive(Args, Clone, Debug)]
pub struct PlannedWorkflow {
    #[command(subcommand)]
    pub what: PlannedWorkflowWhat,
    /// Another repository of the workspace
    #[arg(long, global = true, value_name = "OWNER/NAME")]
    pub repository: Option<String>,
}

#[derive(Subcommand, Clone, Debug)]
pub enum PlannedWorkflowWhat {
    /// Start one
    Run {
        /// Its file name, or what it calls itself
        #[arg(value_name = "NAME")]
        name: String,
        /// Its inputs
        #[arg(value_name = "KEY=VALUE")]
        inputs: Vec<String>,
    },
    /// Do the failed jobs of a run again
    Rerun {
        /// GitHub's number of the run
        #[arg(value_name = "RUN")]
        run: u64,
    },
    /// Stop a run
    Cancel {
        /// GitHub's number of the run
        #[arg(value_name = "RUN")]
        run: u64,
    },
}
