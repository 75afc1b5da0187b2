//! Defines which scopes are active together, and their titles.
//!
//! A key must have one meaning in each of these sets. Must not depend on the model.

use super::Scope;
use crate::console::panes::PaneId;
use crate::console::review::ReviewKind;

impl Scope {
    /// Returns every scope that can be the narrowest one, in the order of the key page.
    pub fn narrowest() -> impl Iterator<Item = Self> {
        let reviews = ReviewKind::ALL.into_iter().map(Self::ReviewOf);
        let others = [
            Self::Run,
            Self::Filter,
            Self::Find,
            Self::Palette,
            Self::Help,
            Self::Text,
            Self::Prompt,
            Self::SignIn,
            Self::Upload,
            Self::Tags,
            Self::Release,
            Self::Promote,
            Self::Workflows,
            Self::Form,
            Self::Choose,
            Self::Image,
            Self::Stop,
            Self::Leave,
        ];
        PaneId::ALL
            .into_iter()
            .map(Self::Pane)
            .chain(reviews)
            .chain(others)
    }

    /// Returns this scope and the ones active whenever it is, the narrowest first.
    pub fn with_wider(self) -> Vec<Self> {
        match self {
            Self::Always => vec![Self::Always],
            Self::Pane(_) => vec![self, Self::Panes, Self::Everywhere, Self::Always],
            Self::ReviewOf(_) => vec![self, Self::Review, Self::Everywhere, Self::Always],
            Self::Run | Self::Panes | Self::Review => vec![self, Self::Everywhere, Self::Always],
            Self::Everywhere
            | Self::Filter
            | Self::Find
            | Self::Palette
            | Self::Help
            | Self::Text
            | Self::Prompt
            | Self::SignIn
            | Self::Upload
            | Self::Tags
            | Self::Release
            | Self::Promote
            | Self::Workflows
            | Self::Form
            | Self::Choose
            | Self::Image
            | Self::Stop
            | Self::Leave => vec![self, Self::Always],
        }
    }

    /// Returns true if typed characters go into a field, so that editing keys cannot be bound to
    /// actions.
    pub const fn takes_text(self) -> bool {
        matches!(
            self,
            Self::Always
                | Self::Filter
                | Self::Find
                | Self::Palette
                | Self::Help
                | Self::Prompt
                | Self::SignIn
                | Self::Upload
                | Self::Tags
                | Self::Form
        )
    }

    /// Returns its title.
    pub fn title(self) -> String {
        let name = match self {
            Self::Always => "Everywhere, dialogs included",
            Self::Everywhere => "Every screen",
            Self::Panes => "Every pane",
            Self::Pane(pane) => return format!("Pane {}", pane.title()),
            Self::Filter => "Filter field",
            Self::Find => "Search field",
            Self::ReviewOf(sort) => return format!("Review: {}", about(sort)),
            Self::Review => "Every review",
            Self::Run => "Run screen",
            Self::Palette => "Palette",
            Self::Help => "Help",
            Self::Text => "Details and problems",
            Self::Prompt => "Input field",
            Self::SignIn => "Dialog: sign-in",
            Self::Upload => "Dialog: upload",
            Self::Tags => "Tags of a repository",
            Self::Release => "Dialog: release",
            Self::Promote => "Dialog: promotion",
            Self::Workflows => "Dialog: workflows",
            Self::Form => "Form of a workflow",
            Self::Choose => "Choice",
            Self::Image => "Image details",
            Self::Stop => "Question: cancel the run?",
            Self::Leave => "Question: leave while a run is in progress?",
        };
        name.to_owned()
    }
}

const fn about(sort: ReviewKind) -> &'static str {
    match sort {
        ReviewKind::Publish => "publish",
        ReviewKind::Rotate => "rotation",
        ReviewKind::SignIn => "sign-in",
        ReviewKind::Revoke => "revocation",
        ReviewKind::Single => "upload, copy, release or close",
        ReviewKind::Promote => "promotion",
        ReviewKind::Rollback => "rollback",
        ReviewKind::Hold => "hold",
        ReviewKind::Workflow => "workflow",
    }
}
