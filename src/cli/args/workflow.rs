//! Arguments of `workflow` and `plan workflow`.

use clap::{Args, Subcommand};

#[derive(Args, Clone, Debug)]
pub struct Workflow {
    #[command(subcommand)]
    pub what: WorkflowWhat,
    /// Use another repository of the workspace
    #[arg(long, global = true, value_name = "OWNER/NAME")]
    pub repository: Option<String>,
}

#[derive(Subcommand, Clone, Debug)]
pub enum WorkflowWhat {
    /// List workflows with their inputs, problems and recent runs
    List,
    /// Start a workflow and follow its run until it finishes
    Run {
        /// File name or name of the workflow
        #[arg(value_name = "NAME")]
        name: String,
        /// Inputs of the workflow
        #[arg(value_name = "KEY=VALUE")]
        inputs: Vec<String>,
        /// Stop following after SPAN, for example 45m or 2h
        #[arg(long, value_name = "SPAN", default_value = "30m", value_parser = crate::cli::workflow::span)]
        timeout: std::time::Duration,
    },
    /// Follow a run until it finishes
    Watch {
        /// Run id on GitHub
        #[arg(value_name = "RUN")]
        run: u64,
        /// Stop following after SPAN, for example 45m or 2h
        #[arg(long, value_name = "SPAN", default_value = "30m", value_parser = crate::cli::workflow::span)]
        timeout: std::time::Duration,
    },
    /// Rerun the failed jobs of a run
    Rerun {
        /// Run id on GitHub
        #[arg(value_name = "RUN")]
        run: u64,
    },
    /// Cancel a run
    Cancel {
        /// Run id on GitHub
        #[arg(value_name = "RUN")]
        run: u64,
    },
}

/// As [`Workflow`], of what writes alone.
#[derive(Args, Clone, Debug)]
pub struct PlannedWorkflow {
    #[command(subcommand)]
    pub what: PlannedWorkflowWhat,
    /// Use another repository of the workspace
    #[arg(long, global = true, value_name = "OWNER/NAME")]
    pub repository: Option<String>,
}

#[derive(Subcommand, Clone, Debug)]
pub enum PlannedWorkflowWhat {
    /// Start a workflow
    Run {
        /// File name or name of the workflow
        #[arg(value_name = "NAME")]
        name: String,
        /// Inputs of the workflow
        #[arg(value_name = "KEY=VALUE")]
        inputs: Vec<String>,
    },
    /// Rerun the failed jobs of a run
    Rerun {
        /// Run id on GitHub
        #[arg(value_name = "RUN")]
        run: u64,
    },
    /// Cancel a run
    Cancel {
        /// Run id on GitHub
        #[arg(value_name = "RUN")]
        run: u64,
    },
}
